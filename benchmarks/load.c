/* The load generator: many Socket.IO clients on one core, and a check of everything they receive.
 *
 *     load LOAD --port PORT [--clients N] [--seconds S] [...]      see `usage` below
 *
 * It opens N clients, lets them work for a warm-up and then for the measured time, waits for what
 * is still on its way, and prints one line of JSON. It speaks raw frames and HTTP over one epoll,
 * with no library, so that it costs a fraction of any server; `generator_seconds` says how much.
 * It reads the clocks of the server's processes itself, at the very instants between which it
 * counts units.
 *
 * A message holds its sender's number and a sequence number. Each answer is compared with the bytes
 * that are due and with the sequence, so a server cannot look fast by losing, repeating, reordering
 * or damaging messages: the first such error ends the run, as a connection that breaks does.
 *
 * A client does not wait by itself: everything happens in answer to what is read. Rejected: threads
 * (one core has to do) and a spinning loop (it would leave no core to anything else).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 1 << 18,
    MAX_EVENTS = 512,
    MAX_SERVER_PROCESSES = 64,
    MAX_IN_FLIGHT = 1024,
    /* Frames of any load but the binary one are smaller than this. */
    SMALL = 512,
    SECOND = 1000000000,
    /* How long a server may tidy up after the last client has connected, before it is weighed. */
    SETTLE = 1,
    /* For so many seconds more a load goes on until each client has had an answer. */
    OVERTIME = 10,
};

static const unsigned char MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

/* The key and the answer to it are those of RFC 6455, section 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct client;

struct connection {
    int fd;
    bool connecting, closed, http, upgraded, writing;
    struct client *client;
    char *in, *out;
    size_t in_length, in_capacity, out_length, out_offset, out_capacity;
    struct connection *next;
};

enum state {
    HANDSHAKE, /* for the open packet */
    CONNECTING, /* for the reply to CONNECT */
    JOINING, /* for the acknowledgement of "join" */
    READY,
    PROBING, /* for "3probe" and for the answer to the poll */
    CLOSING, /* for the end of the stream */
};

struct client {
    unsigned number;
    enum state state;
    struct connection *websocket, *poll, *post;
    char sid[64];
    bool probed, polled, posted, pong_due, binary_due;
    uint32_t sent, received;
    unsigned to_send; /* answers read and not yet made up for */
    uint64_t started;
    uint64_t *times; /* when the messages in flight were sent */
    uint32_t *expected; /* the next sequence number of each sender in the room */
};

/* What is measured. */
enum phase { OPENING, SETTLING, WAITING, WARMING, MEASURING, DRAINING, DONE };
static enum phase phase = OPENING;
static uint64_t now, phase_ends, last_progress, began_opening, opened_in;
static uint64_t units, sent, pings, outstanding, units_before, units_after, phase_units;
static char error[256];
static double server_seconds, system_seconds, generator_seconds, measured_seconds;
static long rss_before, rss_after, rss_end;

/* Settings. */
static const char *load_name = "";
static int port, core = -1, epoll, server_processes;
static pid_t server_pids[MAX_SERVER_PROCESSES];
static unsigned clients = 100, in_flight = 1, room_size, senders = 1, burst = 1, concurrent = 100;
static size_t binary_size = 1024;
static double seconds = 1, warm_up = 0.3, patience = 20;
static bool bare, waits, polling;
static const char *event_name = "message";

static struct client *all;
static unsigned opened, ready, due_in_burst;
static uint64_t burst_started;
static struct connection *dead;
static char read_buffer[READ_SIZE];
static char *binary_frame, *binary_data;
static size_t binary_frame_size;

/* ------------------------------------------------------------------ results */

/* Latencies in tenths of a microsecond, exact to a thousandth: 1,024 buckets a power of two. */
static uint32_t histogram[32 * 1024];
static uint64_t latencies;

static void record(uint64_t since) {
    if (phase != MEASURING) return;
    uint64_t value = (now - since) / 100;
    unsigned shift = 0;
    while (value >> shift >= 2048) shift++;
    if (shift > 30) return;
    histogram[shift * 1024 + (value >> shift)]++;
    latencies++;
}

static double percentile(double fraction) {
    uint64_t rank = (uint64_t)(fraction * (double)latencies), seen = 0;
    for (size_t index = 0; index < sizeof histogram / sizeof *histogram; index++) {
        seen += histogram[index];
        if (seen <= rank) continue;
        unsigned shift = index < 2048 ? 0 : (unsigned)(index / 1024 - 1);
        uint64_t value = (uint64_t)(index - shift * 1024) << shift;
        return (double)value / 10;
    }
    return 0;
}

static uint64_t clock_of(clockid_t id) {
    struct timespec time;
    if (clock_gettime(id, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* User and system time of all threads of all the server's processes. */
static double server_time(void) {
    uint64_t total = 0;
    for (int index = 0; index < server_processes; index++) {
        clockid_t id;
        if (clock_getcpuclockid(server_pids[index], &id) == 0) total += clock_of(id);
    }
    return (double)total / SECOND;
}

/* How much of that the kernel has used, as far as /proc tells: to a hundredth of a second. */
static double server_system_time(void) {
    unsigned long total = 0;
    for (int index = 0; index < server_processes; index++) {
        char path[64], line[1024];
        unsigned long ticks;
        snprintf(path, sizeof path, "/proc/%d/stat", (int)server_pids[index]);
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        char *name_ends = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
        if (name_ends != NULL &&
            sscanf(name_ends + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %lu", &ticks) == 1)
            total += ticks;
        fclose(file);
    }
    return (double)total / (double)sysconf(_SC_CLK_TCK);
}

static long server_rss(void) {
    long total = 0;
    for (int index = 0; index < server_processes; index++) {
        char path[64];
        long size, resident;
        snprintf(path, sizeof path, "/proc/%d/statm", (int)server_pids[index]);
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        if (fscanf(file, "%ld %ld", &size, &resident) == 2) total += resident * getpagesize();
        fclose(file);
    }
    return total;
}

/* The first error ends the run: there is nothing to measure on a server that gets it wrong. */
static void fail(const char *format, ...) {
    va_list arguments;
    if (*error != 0) return;
    phase = DONE;
    va_start(arguments, format);
    vsnprintf(error, sizeof error, format, arguments);
    va_end(arguments);
    for (char *c = error; *c != 0; c++) {
        if (*c < ' ' || *c == '"' || *c == '\\' || *c > '~') *c = '.';
    }
}

static void report(void) {
    printf("{\"load\":\"%s\",\"clients\":%u,\"units\":%llu,\"seconds\":%.6f,"
           "\"total_units\":%llu,\"sent\":%llu,\"error\":\"%s\","
           "\"latency_p50_us\":%.1f,\"latency_p99_us\":%.1f,"
           "\"server_seconds\":%.6f,\"generator_seconds\":%.6f,"
           "\"opened\":%u,\"opening_seconds\":%.3f,\"pings\":%llu,"
           "\"server_rss_before\":%ld,\"server_rss_after\":%ld,\"server_rss_end\":%ld,"
           "\"server_system_seconds\":%.2f}\n",
           load_name, clients, (unsigned long long)(units_after - units_before), measured_seconds,
           (unsigned long long)units, (unsigned long long)sent, error, percentile(0.50), percentile(0.99), server_seconds, generator_seconds,
           ready, (double)opened_in / SECOND, (unsigned long long)pings, rss_before, rss_after,
           rss_end, system_seconds);
    fflush(stdout);
}

/* -------------------------------------------------------------- connections */

static void *grow(void *buffer, size_t *capacity, size_t needed) {
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
static void transmit(struct connection *connection, const void *data, size_t length) {
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

static void write_rest(struct connection *connection) {
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

static struct connection *dial(struct client *client, bool http) {
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

static void hang_up(struct connection *connection) {
    if (connection == NULL || connection->closed) return;
    connection->closed = true;
    close(connection->fd);
    /* Events of this turn may still point to it. */
    connection->next = dead;
    dead = connection;
}

static void bury(void) {
    while (dead != NULL) {
        struct connection *connection = dead;
        dead = connection->next;
        free(connection->in);
        free(connection->out);
        free(connection);
    }
}

/* ------------------------------------------------------------------- frames */

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

static size_t make_frame(char *target, int opcode, const char *data, size_t length) {
    unsigned char *frame = (unsigned char *)target;
    size_t head = frame_head(frame, opcode, length);
    memcpy(frame + head, MASK, 4);
    head += 4;
    for (size_t index = 0; index < length; index++) {
        frame[head + index] = (unsigned char)data[index] ^ MASK[index & 3];
    }
    return head + length;
}

static void send_text(struct client *client, const char *text) {
    char frame[SMALL];
    transmit(client->websocket, frame, make_frame(frame, 1, text, strlen(text)));
}

/* ----------------------------------------------------------------- messages */

/* A message with the sender's number and a sequence number between two fixed pieces of text. */
struct shape {
    char before[96], after[96];
    size_t before_length, after_length;
};

enum { SENDER_DIGITS = 5, SEQUENCE_DIGITS = 8, STAMP = SENDER_DIGITS + 1 + SEQUENCE_DIGITS };
static const uint32_t SEQUENCES = 100000000;
static struct shape question, answer;
static bool with_id, with_room;

#define TEXT " the quick brown fox jumps over the lazy dog"

static void shape(struct shape *shape, const char *before, const char *after) {
    snprintf(shape->before, sizeof shape->before, "%s", before);
    snprintf(shape->after, sizeof shape->after, "%s", after);
    shape->before_length = strlen(shape->before);
    shape->after_length = strlen(shape->after);
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

static unsigned room_of(const struct client *client) { return client->number / room_size; }

static size_t write_question(char *text, const struct client *client, uint32_t sequence) {
    char *position = text;
    memcpy(position, question.before, question.before_length);
    if (with_id) digits(position + 2, 4, id_of(sequence));
    if (with_room) digits(position + question.before_length - 8, 5, room_of(client));
    position += question.before_length;
    digits(position, SENDER_DIGITS, client->number);
    position[SENDER_DIGITS] = ' ';
    digits(position + SENDER_DIGITS + 1, SEQUENCE_DIGITS, sequence);
    position += STAMP;
    memcpy(position, question.after, question.after_length);
    return (size_t)(position - text) + question.after_length;
}

static bool read_answer(const char *text, size_t length, uint32_t *sender, uint32_t *sequence) {
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

static void wrong(const struct client *client, const char *text, size_t length) {
    fail("client %u got %.*s, which is not what is due", client->number,
         (int)(length < 120 ? length : 120), text);
}

/* ---------------------------------------------------------------- the loads */

static bool running(void) { return phase == WARMING || phase == MEASURING; }

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

static void count_unit(void) {
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

static void advance(void);

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

/* connect: connect, the reply to CONNECT, close, again. */

static void connect_ready(struct client *client) {
    char frame[16];
    record(client->started);
    client->state = CLOSING;
    transmit(client->websocket, frame, make_frame(frame, 8, "\x03\xe8", 2));
}

/* ------------------------------------------------------------------ polling */

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

static void request(struct connection *connection, const char *sid, const char *body) {
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

static void open_websocket(struct client *client) {
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

static void open_polling(struct client *client) {
    client->poll = dial(client, true);
    client->post = strcmp(load_name, "polling") == 0 ? dial(client, true) : client->poll;
    request(client->poll, "", NULL);
}

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

static void poll_complete(struct client *client) {
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

/* ------------------------------------------------------------- what happens */

struct load {
    const char *name;
    void (*begin)(struct client *);
    void (*text)(struct client *, const char *, size_t);
    void (*binary)(struct client *, const char *, size_t);
    void (*read)(struct client *);
    bool restarts; /* clients come and go; they do not wait for one another */
};

static void upgrade_ready(struct client *client);

static const struct load LOADS[] = {
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
static const struct load *load;

static void start(struct client *client) {
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

static void became_ready(struct client *client) {
    last_progress = now;
    client->state = READY;
    if (strcmp(load->name, "connect") == 0) {
        connect_ready(client);
    } else if (strcmp(load->name, "upgrade") == 0) {
        upgrade_ready(client);
    } else {
        ready++;
        if (opened < clients && phase == OPENING) start(&all[opened++]);
        if (polling && strcmp(load->name, "idle") == 0) request(client->poll, client->sid, NULL);
    }
}

static void joined_namespace(struct client *client) {
    if (!with_room) {
        became_ready(client);
        return;
    }
    char text[SMALL];
    snprintf(text, sizeof text, "420[\"join\",\"room-%05u\"]", room_of(client));
    client->state = JOINING;
    send_text(client, text);
}

static void got_text(struct client *client, const char *text, size_t length) {
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
            connect_ready(client);
        }
        return;
    case CLOSING:
        return;
    }
    wrong(client, text, length);
}

static void got_binary(struct client *client, const char *data, size_t length) {
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

static void got_response(struct connection *connection, const char *body, size_t length) {
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
    } else if (outstanding > 0 && !client->polled && client->sent != client->received) {
        /* Only a ping came: poll on. */
        request(client->poll, client->sid, NULL);
    }
}

/* --------------------------------------------------------------- what comes */

/* The length of a whole response at `data`, 0 when more must come; chunks are put together. */
static size_t take_response(struct connection *connection, char *data, size_t length) {
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

static size_t take_upgrade(struct connection *connection, char *data, size_t length) {
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

static void got_end(struct connection *connection, const char *how) {
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

static void read_from(struct connection *connection) {
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

/* --------------------------------------------------------------- the course */

static void begin_warm_up(void) {
    phase = WARMING;
    phase_ends = now + (uint64_t)(warm_up * SECOND);
    phase_units = units;
    last_progress = now;
    if (load->begin == NULL) return;
    for (unsigned index = 0; index < clients && phase != DONE; index++) {
        now = clock_of(CLOCK_MONOTONIC);
        load->begin(&all[index]);
    }
}

/* Whether the time is up, and was long enough for a server that answers many clients in one go: in
 * a room, all messages of all senders. */
static bool phase_over(void) {
    if (now < phase_ends) return false;
    if (!running() || load->begin == NULL) return true;
    if (due_in_burst > 0) return false;
    return units - phase_units >= (uint64_t)clients * in_flight * senders ||
           now >= phase_ends + (uint64_t)OVERTIME * SECOND;
}

static void advance(void) {
    static double server_before, system_before;
    static uint64_t generator_before, began;
    if (phase == OPENING && ready == clients) {
        opened_in = now - began_opening;
        if (strcmp(load->name, "idle") == 0) {
            phase = SETTLING;
            phase_ends = now + (uint64_t)SETTLE * SECOND;
        } else {
            begin_warm_up();
        }
    } else if (phase == SETTLING && phase_over()) {
        rss_after = server_rss();
        phase = WARMING;
        phase_ends = now;
        if (waits) {
            phase = WAITING;
            printf("opened\n");
            fflush(stdout);
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
            if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) phase = WARMING;
        }
    } else if (phase == WARMING && phase_over()) {
        phase = MEASURING;
        server_before = server_time();
        system_before = server_system_time();
        generator_before = clock_of(CLOCK_PROCESS_CPUTIME_ID);
        now = began = clock_of(CLOCK_MONOTONIC);
        phase_ends = began + (uint64_t)(seconds * SECOND);
        units_before = phase_units = units;
    } else if (phase == MEASURING && phase_over()) {
        phase = DRAINING;
        units_after = units;
        server_seconds = server_time() - server_before;
        system_seconds = server_system_time() - system_before;
        now = clock_of(CLOCK_MONOTONIC);
        measured_seconds = (double)(now - began) / SECOND;
        generator_seconds =
            (double)(clock_of(CLOCK_PROCESS_CPUTIME_ID) - generator_before) / SECOND;
        rss_end = server_rss();
        last_progress = now;
    } else if (phase == DRAINING && outstanding == 0) {
        phase = DONE;
    }
}

static bool idles(void) { return strcmp(load->name, "idle") == 0 && phase != OPENING; }

static bool given_up(void) {
    return !idles() && now > last_progress + (uint64_t)(patience * SECOND);
}

/* How long to wait for events, in milliseconds. */
static int until_something_is_due(void) {
    bool timed = phase == SETTLING || (running() && due_in_burst == 0);
    uint64_t end = timed ? phase_ends : UINT64_MAX;
    if (timed && end <= now) end += (uint64_t)OVERTIME * SECOND;
    uint64_t limit = last_progress + (uint64_t)(patience * SECOND);
    if (!idles() && limit < end) end = limit;
    if (end == UINT64_MAX) return -1;
    return end <= now ? 0 : (int)((end - now) / 1000000 + 1);
}

static void run(void) {
    struct epoll_event events[MAX_EVENTS];
    now = began_opening = last_progress = clock_of(CLOCK_MONOTONIC);
    rss_before = server_rss();
    if (load->restarts) {
        begin_warm_up();
        for (opened = 0; opened < clients; opened++) start(&all[opened]);
    } else {
        while (opened < clients && opened < concurrent) start(&all[opened++]);
    }
    while (phase != DONE) {
        int count = epoll_wait(epoll, events, MAX_EVENTS, until_something_is_due());
        if (count < 0 && errno != EINTR) abort();
        for (int index = 0; index < count && phase != DONE; index++) {
            struct connection *connection = events[index].data.ptr;
            if (connection == NULL) {
                /* A line, or its end: whoever waited for the others goes on. */
                epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
                phase = WARMING;
                phase_ends = now;
                continue;
            }
            if (connection->closed) continue;
            now = clock_of(CLOCK_MONOTONIC);
            if (events[index].events & EPOLLOUT) write_rest(connection);
            if (events[index].events & ~(uint32_t)EPOLLOUT) read_from(connection);
        }
        bury();
        now = clock_of(CLOCK_MONOTONIC);
        for (enum phase before = DONE; phase != before && phase != DONE;) {
            before = phase;
            advance();
        }
        if (phase != DONE && given_up()) {
            fail("nothing was answered for %g seconds; %u of %u clients are open, "
                 "%llu answers are due",
                 patience, ready, clients, (unsigned long long)outstanding);
        }
    }
}

/* ----------------------------------------------------------------- settings */

static void usage(const char *problem, const char *detail) {
    fprintf(stderr,
            "load: %s%s\n"
            "usage: load LOAD --port PORT [option value]...\n"
            "  LOAD: echo ack binary fan chat polling upgrade connect idle\n"
            "  --clients N      how many there are, or come and go at once (100)\n"
            "  --concurrent N   how many open at the same time (100)\n"
            "  --seconds S      the measured time (1)     --warm-up S   before it (0.3)\n"
            "  --patience S     without any answer, before the run is given up (20)\n"
            "  --in-flight N    echo, ack, binary: messages of a client on their way (1)\n"
            "  --event NAME     echo: the event to send (message)\n"
            "  --bare           echo: a server that mirrors, without Socket.IO\n"
            "  --bytes N        binary: the size of the attachment (1024)\n"
            "  --burst N        fan: events sent at once (1)\n"
            "  --room-size N    chat: clients in a room (all)   --senders N  that send (1)\n"
            "  --polling        idle: over long-polling\n"
            "  --wait           idle: print a line when all are open, measure after reading one\n"
            "  --server-pid PID a process of the server; may be repeated\n"
            "  --core N         the core to run on (any)\n",
            problem, detail);
    exit(2);
}

static double value_of(const char *text, double lowest, double highest, const char *name) {
    char *end;
    double value = text == NULL ? lowest - 1 : strtod(text, &end);
    if (text == NULL || *end != 0 || end == text || value < lowest || value > highest) {
        usage("a missing or impossible value for ", name);
    }
    return value;
}

static void read_settings(int count, char **arguments) {
    if (count < 2) usage("no load was named", "");
    load_name = arguments[1];
    for (load = LOADS; load->name != NULL && strcmp(load->name, load_name) != 0;) load++;
    if (load->name == NULL) usage("there is no load ", load_name);
    for (int index = 2; index < count; index++) {
        const char *name = arguments[index];
        if (strcmp(name, "--bare") == 0) {
            bare = true;
            continue;
        }
        if (strcmp(name, "--wait") == 0) {
            waits = true;
            continue;
        }
        if (strcmp(name, "--polling") == 0) {
            polling = true;
            continue;
        }
        const char *value = index + 1 < count ? arguments[++index] : NULL;
#define OPTION(option, variable, type, lowest, highest)                                            \
    if (strcmp(name, option) == 0) {                                                               \
        variable = (type)value_of(value, lowest, highest, name);                                   \
        continue;                                                                                  \
    }
        OPTION("--port", port, int, 1, 65535)
        OPTION("--clients", clients, unsigned, 1, 100000)
        OPTION("--concurrent", concurrent, unsigned, 1, 100000)
        OPTION("--seconds", seconds, double, 0, 3600)
        OPTION("--warm-up", warm_up, double, 0, 3600)
        OPTION("--patience", patience, double, 0, 3600)
        OPTION("--in-flight", in_flight, unsigned, 1, MAX_IN_FLIGHT)
        OPTION("--bytes", binary_size, size_t, 1, 100000000)
        OPTION("--burst", burst, unsigned, 1, 1024)
        OPTION("--room-size", room_size, unsigned, 1, 100000)
        OPTION("--senders", senders, unsigned, 1, 100000)
        OPTION("--core", core, int, 0, CPU_SETSIZE - 1)
        if (strcmp(name, "--server-pid") == 0 && server_processes < MAX_SERVER_PROCESSES) {
            server_pids[server_processes++] = (pid_t)value_of(value, 1, 1 << 30, name);
            continue;
        }
        if (strcmp(name, "--event") == 0 && value != NULL && strlen(value) < 32) {
            event_name = value;
            continue;
        }
        usage("there is no option ", name);
    }
    if (port == 0) usage("--port is missing", "");
}

static void prepare(void) {
    char before[96];
    polling = polling || strcmp(load->name, "polling") == 0 || strcmp(load->name, "upgrade") == 0;
    if (room_size == 0 || room_size > clients) room_size = clients;
    if (strcmp(load->name, "fan") == 0 || strcmp(load->name, "chat") == 0) {
        with_room = true;
        if (strcmp(load->name, "fan") == 0) {
            room_size = clients;
            in_flight = burst;
        }
        if (clients % room_size != 0) usage("--clients is no multiple of --room-size", "");
        if (senders > room_size) usage("--senders is more than --room-size", "");
        shape(&question, "42[\"fan\",\"room-00000\",\"", TEXT "\"]");
        shape(&answer, "42[\"fan\",\"", TEXT "\"]");
    } else if (strcmp(load->name, "ack") == 0) {
        with_id = true;
        shape(&question, "420000[\"message-with-ack\",\"", TEXT "\"]");
        shape(&answer, "430000[\"", TEXT "\"]");
    } else if (strcmp(load->name, "binary") == 0) {
        binary_data = malloc(binary_size);
        binary_frame = malloc(binary_size + 16);
        if (binary_data == NULL || binary_frame == NULL) abort();
        for (size_t index = 0; index < binary_size; index++) {
            binary_data[index] = (char)(index * 31 + index / 251);
        }
        binary_frame_size = make_frame(binary_frame, 2, binary_data, binary_size);
        shape(&question, "451-[\"message\",{\"_placeholder\":true,\"num\":0},\"", TEXT "\"]");
        shape(&answer, "451-[\"message-back\",{\"_placeholder\":true,\"num\":0},\"", TEXT "\"]");
    } else {
        snprintf(before, sizeof before, "42[\"%s\",\"", event_name);
        shape(&question, before, TEXT "\"]");
        shape(&answer, bare ? before : "42[\"message-back\",\"", TEXT "\"]");
    }
    all = calloc(clients, sizeof *all);
    if (all == NULL) abort();
    for (unsigned index = 0; index < clients; index++) {
        all[index].number = index;
        all[index].times = calloc(in_flight, sizeof *all[index].times);
        if (with_room) all[index].expected = calloc(senders, sizeof *all[index].expected);
        if (all[index].times == NULL) abort();
    }
}

int main(int count, char **arguments) {
    read_settings(count, arguments);
    prepare();
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) {
            fprintf(stderr, "load: cannot run on core %d: %s\n", core, strerror(errno));
            return 2;
        }
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) abort();
    run();
    report();
    return *error == 0 ? 0 : 1;
}
