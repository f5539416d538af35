"""What umqtt.simple 1.3 expects under this name: a TLS socket, made by the context it was given in `ssl_params`."""


def wrap_socket(sock, context, server_hostname=None):
    return context.wrap_socket(sock, server_hostname=server_hostname)
