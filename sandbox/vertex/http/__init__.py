"""From HTTP to messages and back: routes, transcoding, errors, lists, checks."""
