/* Connections to the server, over one epoll: opened, written to, closed. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int epoll;
static struct connection *dead;

void *grow(void *buffer, size_t *capacity, size_t needed) {
    if (needed <= *capacity) return buffer;
    *capacity = *capacity == 0 ? 1024 : *capacity;
    while (*capacity < needed) *capacity *= 2;
    buffer = realloc(buffer, *capacity);
    if (buffer == NULL) abort();
    return buffer;
}

static void watch(struct connection *connection, int operation) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (connection->connecting || connection->writing) event.events |= EPOLLOUT;
    if (epoll_ctl(epoll, operation, connection->fd, &event) != 0) abort();
}

/* Writes now what the kernel takes, the rest when it has room. */
void transmit(struct connection *connection, const void *data, size_t length) {
    const char *rest = data;
    if (connection->closed) return;
    if (!connection->connecting && !connection->writing) {
        ssize_t written = send(connection->fd, rest, length, MSG_NOSIGNAL);
        if (written < 0 && errno != EAGAIN) {
            fail("sending failed: %s", strerror(errno));
            return;
        }
        if (written > 0) {
            rest += written;
            length -= (size_t)written;
        }
    }
    if (length == 0) return;
    size_t needed = connection->out_length + length;
    connection->out = grow(connection->out, &connection->out_capacity, needed);
    memcpy(connection->out + connection->out_length, rest, length);
    connection->out_length = needed;
    if (!connection->connecting && !connection->writing) {
        connection->writing = true;
        watch(connection, EPOLL_CTL_MOD);
    }
}

void write_rest(struct connection *connection) {
    connection->connecting = false;
    size_t left = connection->out_length - connection->out_offset;
    if (left > 0) {
        char *start = connection->out + connection->out_offset;
        ssize_t written = send(connection->fd, start, left, MSG_NOSIGNAL);
        if (written < 0 && errno != EAGAIN) {
            fail("sending failed: %s", strerror(errno));
            return;
        }
        if (written > 0) connection->out_offset += (size_t)written;
    }
    connection->writing = connection->out_offset < connection->out_length;
    if (!connection->writing) connection->out_offset = connection->out_length = 0;
    watch(connection, EPOLL_CTL_MOD);
}

/* An address has about 28,000 ports for connections to the same server: so many clients come from
 * each of 127.0.0.1, 127.0.0.2 and so on, two connections each. */
enum { CLIENTS_OF_AN_ADDRESS = 12000 };

static void come_from_another_address(int fd, const struct client *client) {
    struct sockaddr_in own = {.sin_family = AF_INET};
    int one = 1;
    unsigned number = client->number / CLIENTS_OF_AN_ADDRESS;
    if (number == 0) return;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
        fail("binding to an address of the loopback failed: %s", strerror(errno));
    }
}

struct connection *dial(struct client *client, bool http) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct connection *connection = calloc(1, sizeof *connection);
    int one = 1;
    if (connection == NULL) abort();
    connection->http = http;
    connection->client = client;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) {
        fprintf(stderr, "load: no socket: %s; raise `ulimit -n`\n", strerror(errno));
        exit(2);
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    come_from_another_address(connection->fd, client);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (errno != EINPROGRESS) {
            fail("connecting failed: %s", strerror(errno));
        }
        connection->connecting = true;
    }
    watch(connection, EPOLL_CTL_ADD);
    return connection;
}

void hang_up(struct connection *connection) {
    if (connection == NULL || connection->closed) return;
    connection->closed = true;
    close(connection->fd);
    /* Events of this turn may still point to it. */
    connection->next = dead;
    dead = connection;
}

void bury(void) {
    while (dead != NULL) {
        struct connection *connection = dead;
        dead = connection->next;
        free(connection->in);
        free(connection->out);
        free(connection);
    }
}
