"""Parts of the duel's steps, bundled with them: each function imports inside."""
