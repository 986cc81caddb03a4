/* The frames of the clients, and the messages in them: written, and compared with what is due. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

char *binary_frame, *binary_data;
size_t binary_frame_size;

static size_t frame_head(unsigned char *frame, int opcode, size_t length) {
    frame[0] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        frame[1] = (unsigned char)(0x80 | length);
        return 2;
    }
    if (length < 65536) {
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(length >> 8);
        frame[3] = (unsigned char)length;
        return 4;
    }
    frame[1] = 0x80 | 127;
    for (int index = 0; index < 8; index++) {
        frame[2 + index] = (unsigned char)((uint64_t)length >> (56 - 8 * index));
    }
    return 10;
}

size_t make_frame(char *target, int opcode, const char *data, size_t length) {
    unsigned char *frame = (unsigned char *)target;
    size_t head = frame_head(frame, opcode, length);
    memcpy(frame + head, MASK, 4);
    head += 4;
    for (size_t index = 0; index < length; index++) {
        frame[head + index] = (unsigned char)data[index] ^ MASK[index & 3];
    }
    return head + length;
}

void send_text(struct client *client, const char *text) {
    char frame[SMALL];
    transmit(client->websocket, frame, make_frame(frame, 1, text, strlen(text)));
}

/* A message with the sender's number and a sequence number between two fixed pieces of text. */
struct shape {
    char before[96], after[96];
    size_t before_length, after_length;
};

enum { SENDER_DIGITS = 5, SEQUENCE_DIGITS = 8, STAMP = SENDER_DIGITS + 1 + SEQUENCE_DIGITS };

static struct shape question, answer;
static bool with_id;

#define TEXT " the quick brown fox jumps over the lazy dog"

static void shape(struct shape *shape, const char *before, const char *after) {
    snprintf(shape->before, sizeof shape->before, "%s", before);
    snprintf(shape->after, sizeof shape->after, "%s", after);
    shape->before_length = strlen(shape->before);
    shape->after_length = strlen(shape->after);
}

static void make_attachment(void) {
    binary_data = malloc(binary_size);
    binary_frame = malloc(binary_size + 16);
    if (binary_data == NULL || binary_frame == NULL) abort();
    for (size_t index = 0; index < binary_size; index++) {
        binary_data[index] = (char)(index * 31 + index / 251);
    }
    binary_frame_size = make_frame(binary_frame, 2, binary_data, binary_size);
}

void shape_messages(void) {
    if (in_rooms) {
        shape(&question, "42[\"fan\",\"room-00000\",\"", TEXT "\"]");
        shape(&answer, "42[\"fan\",\"", TEXT "\"]");
    } else if (strcmp(load_name, "ack") == 0) {
        with_id = true;
        shape(&question, "420000[\"message-with-ack\",\"", TEXT "\"]");
        shape(&answer, "430000[\"", TEXT "\"]");
    } else if (strcmp(load_name, "binary") == 0) {
        make_attachment();
        shape(&question, "451-[\"message\",{\"_placeholder\":true,\"num\":0},\"", TEXT "\"]");
        shape(&answer, "451-[\"message-back\",{\"_placeholder\":true,\"num\":0},\"", TEXT "\"]");
    } else {
        char before[96];
        snprintf(before, sizeof before, "42[\"%s\",\"", event_name);
        shape(&question, before, TEXT "\"]");
        shape(&answer, bare ? before : "42[\"message-back\",\"", TEXT "\"]");
    }
}

static void digits(char *target, int count, uint32_t value) {
    while (count-- > 0) {
        target[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

static bool number(const char *text, int count, uint32_t *value) {
    *value = 0;
    for (int index = 0; index < count; index++) {
        if (text[index] < '0' || text[index] > '9') return false;
        *value = *value * 10 + (uint32_t)(text[index] - '0');
    }
    return true;
}

/* Acknowledgement ids have four digits, so that a message always has the same length. */
static uint32_t id_of(uint32_t sequence) { return 1000 + sequence % 9000; }

unsigned room_of(const struct client *client) { return client->number / room_size; }

size_t write_question(char *text, const struct client *client, uint32_t sequence) {
    char *position = text;
    memcpy(position, question.before, question.before_length);
    if (with_id) digits(position + 2, 4, id_of(sequence));
    if (in_rooms) digits(position + question.before_length - 8, 5, room_of(client));
    position += question.before_length;
    digits(position, SENDER_DIGITS, client->number);
    position[SENDER_DIGITS] = ' ';
    digits(position + SENDER_DIGITS + 1, SEQUENCE_DIGITS, sequence);
    position += STAMP;
    memcpy(position, question.after, question.after_length);
    return (size_t)(position - text) + question.after_length;
}

bool read_answer(const char *text, size_t length, uint32_t *sender, uint32_t *sequence) {
    if (length != answer.before_length + STAMP + answer.after_length) return false;
    const char *stamp = text + answer.before_length, *after = stamp + STAMP;
    if (memcmp(after, answer.after, answer.after_length) != 0) return false;
    if (stamp[SENDER_DIGITS] != ' ' || !number(stamp, SENDER_DIGITS, sender) ||
        !number(stamp + SENDER_DIGITS + 1, SEQUENCE_DIGITS, sequence)) {
        return false;
    }
    if (with_id) {
        uint32_t id;
        return memcmp(text, "43", 2) == 0 && number(text + 2, 4, &id) && id == id_of(*sequence) &&
               memcmp(text + 6, answer.before + 6, answer.before_length - 6) == 0;
    }
    return memcmp(text, answer.before, answer.before_length) == 0;
}

void wrong(const struct client *client, const char *text, size_t length) {
    fail("client %u got %.*s, which is not what is due", client->number,
         (int)(length < 120 ? length : 120), text);
}
