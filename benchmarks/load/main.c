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
#include "load.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

int main(int count, char **arguments) {
    read_settings(count, arguments);
    shape_messages();
    make_clients();
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
    return *failure == 0 ? 0 : 1;
}
