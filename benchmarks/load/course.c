/* The course of a run, from the first connection to the last answer. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_EVENTS = 512,
    /* How long a server may tidy up after the last client has connected, before it is weighed. */
    SETTLE = 1,
    /* For so many seconds more a load goes on until each client has had an answer. */
    OVERTIME = 10,
};

enum phase phase = OPENING;
uint64_t now, last_progress, outstanding;
static uint64_t phase_ends, phase_units, began_opening;

bool running(void) { return phase == WARMING || phase == MEASURING; }

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

void advance(void) {
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

void run(void) {
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
