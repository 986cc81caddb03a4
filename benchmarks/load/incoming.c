/* What comes over a connection, cut into frames and responses. */
#include "load.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static char read_buffer[READ_SIZE];

static size_t take_frame(struct connection *connection, char *data, size_t available) {
    unsigned char *bytes = (unsigned char *)data;
    struct client *client = connection->client;
    if (available < 2) return 0;
    size_t length = bytes[1] & 0x7f, head = 2;
    if (length == 126) {
        if (available < 4) return 0;
        length = (size_t)bytes[2] << 8 | bytes[3];
        head = 4;
    } else if (length == 127) {
        if (available < 10) return 0;
        length = 0;
        for (int index = 2; index < 10; index++) length = length << 8 | bytes[index];
        head = 10;
    }
    if (bytes[1] & 0x80 || !(bytes[0] & 0x80) || bytes[0] & 0x70) {
        fail("got a frame that starts with %02x %02x", bytes[0], bytes[1]);
        return 0;
    }
    if (available < head + length) return 0;
    char frame[SMALL];
    switch (bytes[0] & 0x0f) {
    case 1:
        got_text(client, data + head, length);
        break;
    case 2:
        got_binary(client, data + head, length);
        break;
    case 8:
        if (client->state != CLOSING) fail("client %u was closed by the server", client->number);
        break;
    case 9:
        if (length < 126) {
            transmit(connection, frame, make_frame(frame, 10, data + head, length));
        }
        break;
    default:
        break;
    }
    return head + length;
}

void read_from(struct connection *connection) {
    struct client *client = connection->client;
    ssize_t received = recv(connection->fd, read_buffer, sizeof read_buffer, 0);
    if (received <= 0) {
        if (received < 0 && errno == EAGAIN) return;
        got_end(connection, received == 0 ? "end of stream" : strerror(errno));
        return;
    }
    char *data = read_buffer;
    size_t length = (size_t)received, position = 0;
    if (connection->in_length > 0) {
        size_t needed = connection->in_length + length;
        connection->in = grow(connection->in, &connection->in_capacity, needed);
        memcpy(connection->in + connection->in_length, read_buffer, length);
        data = connection->in;
        length = needed;
    }
    while (position < length && !connection->closed && phase != DONE) {
        char *rest = data + position;
        size_t left = length - position, taken;
        if (connection->http) {
            taken = take_response(connection, rest, left);
        } else if (connection->upgraded) {
            taken = take_frame(connection, rest, left);
        } else {
            taken = take_upgrade(connection, rest, left);
        }
        if (taken == 0) break;
        position += taken;
    }
    if (connection->closed) return;
    size_t left = length - position;
    if (left > 0) {
        connection->in = grow(connection->in, &connection->in_capacity, left);
        memmove(connection->in, data + position, left);
    }
    connection->in_length = left;
    if (load->read != NULL && client->state == READY && phase != OPENING) load->read(client);
}
