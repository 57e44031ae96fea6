"""HTTP: routes, transcoding to messages, errors, lists, field checks, guards."""
