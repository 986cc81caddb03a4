/* What the command line sets, and what follows from it. */
#define _GNU_SOURCE
#include "load.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IN_FLIGHT = 1024 };

const char *load_name = "", *event_name = "message";
int port, core = -1, server_processes;
pid_t server_pids[MAX_SERVER_PROCESSES];
unsigned clients = 100, in_flight = 1, room_size, senders = 1, burst = 1, concurrent = 100;
size_t binary_size = 1024;
double seconds = 1, warm_up = 0.3, patience = 20;
bool bare, waits, polling, in_rooms;

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

/* What the named load, and one setting, say of the others. */
static void complete_settings(void) {
    bool fans = strcmp(load_name, "fan") == 0;
    in_rooms = fans || strcmp(load_name, "chat") == 0;
    polling =
        polling || strcmp(load_name, "polling") == 0 || strcmp(load_name, "upgrade") == 0;
    if (fans) in_flight = burst;
    if (fans || room_size == 0 || room_size > clients) room_size = clients;
    if (!in_rooms) return;
    if (clients % room_size != 0) usage("--clients is no multiple of --room-size", "");
    if (senders > room_size) usage("--senders is more than --room-size", "");
}

void read_settings(int count, char **arguments) {
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
    complete_settings();
}
