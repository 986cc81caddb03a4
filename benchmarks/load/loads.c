/* The loads: what a client sends once it is ready, and what it makes of the answers. */
#include "load.h"

#include <string.h>

const struct load *load;
unsigned due_in_burst;
static uint64_t burst_started;

/* Sends `count` messages in one segment. */
static void ask(struct client *client, unsigned count) {
    static char *segment;
    static size_t capacity;
    size_t length = 0;
    for (unsigned index = 0; index < count; index++) {
        char text[SMALL];
        size_t size = write_question(text, client, client->sent);
        segment = grow(segment, &capacity, length + size + 16 + binary_frame_size);
        length += make_frame(segment + length, 1, text, size);
        if (binary_frame != NULL) {
            memcpy(segment + length, binary_frame, binary_frame_size);
            length += binary_frame_size;
        }
        client->times[client->sent % in_flight] = now;
        client->sent = (client->sent + 1) % SEQUENCES;
    }
    sent += count;
    transmit(client->websocket, segment, length);
}

void count_unit(void) {
    units++;
    outstanding--;
    last_progress = now;
}

/* echo, ack, binary: each client has `in_flight` messages on their way. */

static void echo_begin(struct client *client) {
    outstanding += in_flight;
    ask(client, in_flight);
}

static void echo_complete(struct client *client) {
    record(client->times[client->received % in_flight]);
    count_unit();
    client->received = (client->received + 1) % SEQUENCES;
    client->to_send++;
}

static void echo_text(struct client *client, const char *text, size_t length) {
    uint32_t sender, sequence;
    if (client->binary_due || !read_answer(text, length, &sender, &sequence) ||
        sender != client->number || sequence != client->received) {
        wrong(client, text, length);
    }
    if (binary_frame != NULL) {
        client->binary_due = true;
    } else {
        echo_complete(client);
    }
}

static void echo_binary(struct client *client, const char *data, size_t length) {
    if (!client->binary_due || length != binary_size || memcmp(data, binary_data, length) != 0) {
        fail("client %u got %zu bytes that are not what is due", client->number, length);
    }
    client->binary_due = false;
    echo_complete(client);
}

/* What one read answered is asked again in one segment. */
static void echo_read(struct client *client) {
    unsigned count = client->to_send;
    client->to_send = 0;
    if (count == 0 || !running()) return;
    outstanding += count;
    ask(client, count);
}

/* fan: the first client sends `burst` events in one segment; all clients get each. The measured time
 * begins and ends between two bursts, because a server may send all of one at once after a while. */

static void fan_begin(struct client *client) {
    if (client->number != 0) return;
    due_in_burst = clients * burst;
    outstanding += due_in_burst;
    burst_started = now;
    ask(client, burst);
}

static void fan_text(struct client *client, const char *text, size_t length) {
    uint32_t sender, sequence;
    if (!read_answer(text, length, &sender, &sequence) || sender != 0 ||
        sequence != client->received) {
        wrong(client, text, length);
    }
    client->received = (client->received + 1) % SEQUENCES;
    record(burst_started);
    count_unit();
    if (--due_in_burst > 0) return;
    advance();
    if (running()) fan_begin(&all[0]);
}

/* chat: the first `senders` clients of each room send to it, each after its own message came. */

static bool sends(const struct client *client) { return client->number % room_size < senders; }

static void chat_begin(struct client *client) {
    if (!sends(client)) return;
    outstanding += room_size;
    ask(client, 1);
}

static void chat_text(struct client *client, const char *text, size_t length) {
    uint32_t sender = 0, sequence = 0;
    bool right = read_answer(text, length, &sender, &sequence) && sender < clients &&
                 room_of(&all[sender]) == room_of(client) && sends(&all[sender]);
    if (right) {
        uint32_t *expected = &client->expected[sender % room_size];
        right = sequence == *expected;
        *expected = (sequence + 1) % SEQUENCES;
    }
    if (!right) wrong(client, text, length);
    count_unit();
    if (right && sender == client->number) {
        record(client->times[0]);
        if (running()) chat_begin(client);
    }
}

/* polling: each client posts a message, and gets the answer by its poll. */

/* A poll is parked, then a message is posted; both answers are one round trip. */
static void poll_begin(struct client *client) {
    char text[SMALL];
    size_t length = 0;
    if (client->pong_due) {
        memcpy(text, "3\x1e", 2);
        length = 2;
        client->pong_due = false;
    }
    length += write_question(text + length, client, client->sent);
    text[length] = 0;
    client->sent = (client->sent + 1) % SEQUENCES;
    client->polled = client->posted = false;
    client->started = now;
    outstanding++;
    sent++;
    request(client->poll, client->sid, NULL);
    request(client->post, client->sid, text);
}

void poll_complete(struct client *client) {
    if (!client->polled || !client->posted) return;
    count_unit();
    if (running()) poll_begin(client);
}

static void poll_text(struct client *client, const char *text, size_t length) {
    uint32_t sender, sequence;
    if (client->polled || !read_answer(text, length, &sender, &sequence) ||
        sender != client->number || sequence != client->received) {
        wrong(client, text, length);
    }
    client->received = (client->received + 1) % SEQUENCES;
    client->polled = true;
    record(client->started);
}

const struct load LOADS[] = {
    {"echo", echo_begin, echo_text, NULL, echo_read, false},
    {"ack", echo_begin, echo_text, NULL, echo_read, false},
    {"binary", echo_begin, echo_text, echo_binary, echo_read, false},
    {"fan", fan_begin, fan_text, NULL, NULL, false},
    {"chat", chat_begin, chat_text, NULL, NULL, false},
    {"polling", poll_begin, poll_text, NULL, NULL, false},
    {"upgrade", NULL, NULL, NULL, NULL, true},
    {"connect", NULL, NULL, NULL, NULL, true},
    {"idle", NULL, NULL, NULL, NULL, false},
    {NULL, NULL, NULL, NULL, NULL, false},
};
