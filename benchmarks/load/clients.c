/* The clients: how each connects, and what it does with what comes. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct client *all;
unsigned opened, ready;

void make_clients(void) {
    all = calloc(clients, sizeof *all);
    if (all == NULL) abort();
    for (unsigned index = 0; index < clients; index++) {
        struct client *client = &all[index];
        client->number = index;
        client->times = calloc(in_flight, sizeof *client->times);
        if (in_rooms) client->expected = calloc(senders, sizeof *client->expected);
        if (client->times == NULL || (in_rooms && client->expected == NULL)) abort();
    }
}

void start(struct client *client) {
    client->state = HANDSHAKE;
    client->started = now;
    *client->sid = 0;
    if (load->restarts) {
        client->sent = client->received = 0;
        client->probed = client->polled = false;
        outstanding++;
    }
    if (polling) {
        open_polling(client);
    } else {
        open_websocket(client);
    }
}

static void restart(struct client *client) {
    hang_up(client->websocket);
    hang_up(client->poll);
    client->websocket = client->poll = client->post = NULL;
    count_unit();
    if (running()) start(client);
}

/* Ends a unit of those loads whose clients come and go: the server closes in its turn. */
static void leave(struct client *client) {
    char frame[16];
    record(client->started);
    client->state = CLOSING;
    transmit(client->websocket, frame, make_frame(frame, 8, "\x03\xe8", 2));
}

static void upgrade_ready(struct client *client);

void became_ready(struct client *client) {
    last_progress = now;
    client->state = READY;
    if (strcmp(load->name, "connect") == 0) {
        leave(client);
    } else if (strcmp(load->name, "upgrade") == 0) {
        upgrade_ready(client);
    } else {
        ready++;
        if (opened < clients && phase == OPENING) start(&all[opened++]);
        if (polling && strcmp(load->name, "idle") == 0) request(client->poll, client->sid, NULL);
    }
}

static void joined_namespace(struct client *client) {
    if (!in_rooms) {
        became_ready(client);
        return;
    }
    char text[SMALL];
    snprintf(text, sizeof text, "420[\"join\",\"room-%05u\"]", room_of(client));
    client->state = JOINING;
    send_text(client, text);
}

void got_text(struct client *client, const char *text, size_t length) {
    if (length == 1 && *text == '2') {
        send_text(client, "3");
        pings++;
        return;
    }
    /* A noop is allowed at any time; one may have been meant for the poll that an upgrade ended. */
    if (length == 1 && *text == '6') return;
    switch (client->state) {
    case HANDSHAKE:
        if (length < 9 || memcmp(text, "0{\"sid\":\"", 9) != 0) break;
        client->state = CONNECTING;
        send_text(client, "40");
        return;
    case CONNECTING:
        if (length < 10 || memcmp(text, "40{\"sid\":\"", 10) != 0) break;
        joined_namespace(client);
        return;
    case JOINING:
        if (length != 5 || memcmp(text, "430[]", 5) != 0) break;
        became_ready(client);
        return;
    case READY:
        if (load->text == NULL) break;
        load->text(client, text, length);
        return;
    case PROBING:
        if (!client->probed) {
            if (length != 6 || memcmp(text, "3probe", 6) != 0) break;
            client->probed = true;
            upgrade_ready(client);
        } else {
            uint32_t sender, sequence;
            if (!read_answer(text, length, &sender, &sequence) || sequence != 0) break;
            leave(client);
        }
        return;
    case CLOSING:
        return;
    }
    wrong(client, text, length);
}

void got_binary(struct client *client, const char *data, size_t length) {
    if (load->binary == NULL) {
        fail("client %u got binary data, which is never due", client->number);
    } else {
        load->binary(client, data, length);
    }
}

/* upgrade: a session that polls, with a poll waiting, becomes one over a WebSocket. */
static void upgrade_ready(struct client *client) {
    if (client->state == READY) {
        client->state = PROBING;
        request(client->poll, client->sid, NULL);
        open_websocket(client);
    } else if (client->probed && client->polled) {
        char text[SMALL], frames[SMALL];
        size_t length = make_frame(frames, 1, "5", 1);
        length += make_frame(frames + length, 1, text, write_question(text, client, 0));
        sent++;
        transmit(client->websocket, frames, length);
    }
}

static void got_polled_packet(struct client *client, const char *packet, size_t length) {
    if (length == 1 && *packet == '2') {
        client->pong_due = true;
        pings++;
    } else if (client->state == HANDSHAKE) {
        const char *end = length < 10 ? NULL : memchr(packet + 9, '"', length - 9);
        if (end == NULL || memcmp(packet, "0{\"sid\":\"", 9) != 0 ||
            (size_t)(end - packet - 9) >= sizeof client->sid) {
            fail("a polling handshake was answered with %.*s", (int)length, packet);
            return;
        }
        memcpy(client->sid, packet + 9, (size_t)(end - packet - 9));
        client->sid[end - packet - 9] = 0;
        client->state = CONNECTING;
        request(client->post, client->sid, "40");
    } else if (client->state == CONNECTING) {
        if (length < 10 || memcmp(packet, "40{\"sid\":\"", 10) != 0) {
            fail("CONNECT was answered with %.*s", (int)length, packet);
            return;
        }
        became_ready(client);
    } else if (client->state == PROBING) {
        /* Whatever it was, a noop or nothing, the poll is over. */
        client->polled = true;
        upgrade_ready(client);
    } else if (length == 1 && *packet == '6') {
        return;
    } else if (load->text != NULL) {
        load->text(client, packet, length);
    } else {
        wrong(client, packet, length);
    }
}

void got_response(struct connection *connection, const char *body, size_t length) {
    struct client *client = connection->client;
    if (length == 2 && strncasecmp(body, "ok", 2) == 0) {
        if (client->state == READY && load->begin != NULL) {
            client->posted = true;
            poll_complete(client);
        } else {
            request(client->poll, client->sid, NULL);
        }
        return;
    }
    const char *end = body + length;
    for (const char *packet = body; packet <= end && !connection->closed && phase != DONE;) {
        const char *separator = memchr(packet, 0x1e, (size_t)(end - packet));
        if (separator == NULL) separator = end;
        got_polled_packet(client, packet, (size_t)(separator - packet));
        packet = separator + 1;
    }
    if (client->state != READY || phase == DONE) return;
    if (load->begin == NULL) {
        if (client->pong_due) {
            client->pong_due = false;
            request(client->post, client->sid, "3");
        }
    } else if (client->polled) {
        poll_complete(client);
    } else if (outstanding > 0 && client->sent != client->received) {
        /* Only a ping came: poll on. */
        request(client->poll, client->sid, NULL);
    }
}

void got_end(struct connection *connection, const char *how) {
    struct client *client = connection->client;
    if (client->state == CLOSING) {
        if (connection == client->websocket) {
            restart(client);
        } else {
            hang_up(connection);
            client->poll = client->post = NULL;
        }
    } else if (client->state == PROBING && connection == client->poll && client->polled) {
        /* A server may close the connection of a session that polls no more. */
        hang_up(connection);
        client->poll = client->post = NULL;
    } else {
        fail("the connection of client %u ended: %s", client->number, how);
    }
}
