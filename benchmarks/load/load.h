/* What the files of the load generator share: its settings, its state, and what each file gives the
 * others. Times are in nanoseconds of the monotonic clock unless their names say seconds.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    READ_SIZE = 1 << 18,
    MAX_SERVER_PROCESSES = 64,
    /* Frames of any load but the binary one are smaller than this. */
    SMALL = 512,
    SECOND = 1000000000,
};

struct client;

struct connection {
    int fd;
    bool connecting, closed, http, upgraded, writing;
    struct client *client;
    char *in, *out;
    size_t in_length, in_capacity, out_length, out_offset, out_capacity;
    struct connection *next;
};

/* What a client waits for. */
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

/* ---------------------------------------------------------------- settings.c */

extern const char *load_name, *event_name;
extern int port, core, server_processes;
extern pid_t server_pids[MAX_SERVER_PROCESSES];
extern unsigned clients, in_flight, room_size, senders, burst, concurrent;
extern size_t binary_size;
extern double seconds, warm_up, patience;
extern bool bare, waits, polling, in_rooms;

void read_settings(int count, char **arguments);

/* ----------------------------------------------------------------- results.c */

extern uint64_t units, sent, pings, units_before, units_after, opened_in;
extern double server_seconds, system_seconds, generator_seconds, measured_seconds;
extern long rss_before, rss_after, rss_end;
extern char failure[256];

void record(uint64_t since);
uint64_t clock_of(clockid_t id);
double server_time(void);
double server_system_time(void);
long server_rss(void);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report(void);

/* ------------------------------------------------------------- connections.c */

extern int epoll;

void *grow(void *buffer, size_t *capacity, size_t needed);
void transmit(struct connection *connection, const void *data, size_t length);
void write_rest(struct connection *connection);
struct connection *dial(struct client *client, bool http);
void hang_up(struct connection *connection);
void bury(void);

/* ---------------------------------------------------------------- messages.c */

/* Sequence numbers are counted modulo this. */
enum { SEQUENCES = 100000000 };
extern char *binary_frame, *binary_data;
extern size_t binary_frame_size;

void shape_messages(void);
size_t make_frame(char *target, int opcode, const char *data, size_t length);
void send_text(struct client *client, const char *text);
unsigned room_of(const struct client *client);
size_t write_question(char *text, const struct client *client, uint32_t sequence);
bool read_answer(const char *text, size_t length, uint32_t *sender, uint32_t *sequence);
void wrong(const struct client *client, const char *text, size_t length);

/* -------------------------------------------------------------------- http.c */

void request(struct connection *connection, const char *sid, const char *body);
void open_websocket(struct client *client);
void open_polling(struct client *client);
size_t take_response(struct connection *connection, char *data, size_t length);
size_t take_upgrade(struct connection *connection, char *data, size_t length);

/* ------------------------------------------------------------------- loads.c */

struct load {
    const char *name;
    void (*begin)(struct client *);
    void (*text)(struct client *, const char *, size_t);
    void (*binary)(struct client *, const char *, size_t);
    void (*read)(struct client *);
    bool restarts; /* clients come and go; they do not wait for one another */
};

extern const struct load LOADS[];
extern const struct load *load;
extern unsigned due_in_burst;

void count_unit(void);
void poll_complete(struct client *client);

/* ----------------------------------------------------------------- clients.c */

extern struct client *all;
extern unsigned opened, ready;

void make_clients(void);
void start(struct client *client);
void became_ready(struct client *client);
void got_text(struct client *client, const char *text, size_t length);
void got_binary(struct client *client, const char *data, size_t length);
void got_response(struct connection *connection, const char *body, size_t length);
void got_end(struct connection *connection, const char *how);

/* ---------------------------------------------------------------- incoming.c */

void read_from(struct connection *connection);

/* ------------------------------------------------------------------ course.c */

enum phase { OPENING, SETTLING, WAITING, WARMING, MEASURING, DRAINING, DONE };
extern enum phase phase;
/* `now` is read when something came; `outstanding` are the answers that are due. */
extern uint64_t now, last_progress, outstanding;

bool running(void);
void advance(void);
void run(void);

#endif
