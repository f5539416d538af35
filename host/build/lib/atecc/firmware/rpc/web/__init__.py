"""The network channels on /rpc: WebSocket and HTTP, over TLS or plain, with microdot."""
