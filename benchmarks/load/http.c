/* HTTP: what the clients ask for, and the responses in what comes. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The key and the answer to it are those of RFC 6455, section 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* The heads are those of a Chromium on Linux. Without Sec-WebSocket-Extensions: frames are plain. */
#define USER_AGENT \
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " \
    "Chrome/140.0.0.0 Safari/537.36\r\n"
#define LANGUAGES "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"

/* The value of `t`, different each time and as long as the client's. */
static const char *timestamp(void) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    static char text[9];
    static uint64_t count = 0x123456789;
    uint64_t rest = count++;
    for (int place = 7; place >= 0; place--, rest /= 36) text[place] = digits[rest % 36];
    return text;
}

void request(struct connection *connection, const char *sid, const char *body) {
    char text[2048], about_body[96] = "";
    if (body != NULL) {
        snprintf(about_body, sizeof about_body,
                 "Content-Length: %zu\r\nContent-type: text/plain;charset=UTF-8\r\n", strlen(body));
    }
    int length = snprintf(
        text, sizeof text,
        "%s /socket.io/?EIO=4&transport=polling&t=%s%s%s HTTP/1.1\r\n"
        "Host: 127.0.0.1:%d\r\nConnection: keep-alive\r\n%s"
        "sec-ch-ua-platform: \"Linux\"\r\n" USER_AGENT
        "sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\n"
        "Accept: */*\r\nOrigin: http://127.0.0.1:%d\r\nSec-Fetch-Site: same-origin\r\n"
        "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://127.0.0.1:%d/\r\n"
        LANGUAGES "\r\n%s",
        body == NULL ? "GET" : "POST", timestamp(), *sid == 0 ? "" : "&sid=", sid, port, about_body,
        port, port, body == NULL ? "" : body);
    transmit(connection, text, (size_t)length);
}

void open_websocket(struct client *client) {
    char text[2048];
    client->websocket = dial(client, false);
    int length = snprintf(
        text, sizeof text,
        "GET /socket.io/?EIO=4&transport=websocket%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        "Connection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" USER_AGENT
        "Upgrade: websocket\r\nOrigin: http://127.0.0.1:%d\r\nSec-WebSocket-Version: 13\r\n"
        LANGUAGES "Sec-WebSocket-Key: " KEY "\r\n\r\n",
        *client->sid == 0 ? "" : "&sid=", client->sid, port, port);
    transmit(client->websocket, text, (size_t)length);
}

void open_polling(struct client *client) {
    client->poll = dial(client, true);
    client->post = strcmp(load_name, "polling") == 0 ? dial(client, true) : client->poll;
    request(client->poll, "", NULL);
}

/* The length of a whole response at `data`, 0 when more must come; chunks are put together. */
size_t take_response(struct connection *connection, char *data, size_t length) {
    char *head_end = memmem(data, length, "\r\n\r\n", 4);
    if (head_end == NULL) return 0;
    char *body = head_end + 4;
    size_t left = length - (size_t)(body - data), size = 0;
    bool chunked = false, sized = false;
    int status = length > 12 ? atoi(data + 9) : 0;
    if (status != 200) {
        fail("an HTTP request was answered with %.*s", (int)(body - data), data);
        return 0;
    }
    for (char *line = memchr(data, '\n', length); line != NULL && line < head_end;
         line = memchr(line, '\n', (size_t)(body - line))) {
        line++;
        if (strncasecmp(line, "content-length:", 15) == 0) {
            size = strtoul(line + 15, NULL, 10);
            sized = true;
        } else if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0) {
            chunked = true;
        }
    }
    if (!chunked && !sized) {
        fail("an HTTP response has no length: %.*s", (int)(body - data), data);
        return 0;
    }
    if (!chunked) {
        if (left < size) return 0;
        got_response(connection, body, size);
        return (size_t)(body - data) + size;
    }
    static char whole[READ_SIZE];
    size_t total = 0;
    char *position = body, *end = body + left;
    for (;;) {
        char *line_end = memmem(position, (size_t)(end - position), "\r\n", 2);
        if (line_end == NULL) return 0;
        size_t chunk = strtoul(position, NULL, 16);
        position = line_end + 2;
        if ((size_t)(end - position) < chunk + 2) return 0;
        if (total + chunk > sizeof whole) {
            fail("an HTTP response is larger than expected");
            return 0;
        }
        memcpy(whole + total, position, chunk);
        total += chunk;
        position += chunk + 2;
        if (chunk == 0) break;
    }
    got_response(connection, whole, total);
    return (size_t)(position - data);
}

size_t take_upgrade(struct connection *connection, char *data, size_t length) {
    struct client *client = connection->client;
    char *end = memmem(data, length, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    size_t size = (size_t)(end - data) + 4;
    if (memcmp(data, "HTTP/1.1 101", 12) != 0 ||
        memmem(data, size, ACCEPT, strlen(ACCEPT)) == NULL) {
        fail("a WebSocket handshake was answered with %.*s", (int)size, data);
        return 0;
    }
    connection->upgraded = true;
    if (bare) {
        became_ready(client);
    } else if (client->state == PROBING) {
        send_text(client, "2probe");
    }
    return size;
}
