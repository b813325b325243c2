/* The server's pools of connections.  The module has none; radiusd.h includes the header. */
