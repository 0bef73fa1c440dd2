"""The viewer: a scene in the browser, asked, clicked and measured (extra `view`)."""
