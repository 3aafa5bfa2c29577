/*
 * tracker.c: an HTTP tracker of one reply (see tracker.h).
 *
 * Whatever is asked (up to the empty line that ends an HTTP request) is answered with the whole
 * list of peers, six bytes each (BEP 23), whatever numwant says: the cases of the benchmark are
 * about what a client makes of its peers, and every client shall know all of them from the start.
 * One request at a time; a client that dawdles for two seconds is dropped.
 */
#include "tracker.h"

#include "lab.h"

#include <pthread.h>
#include <string.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Builds the reply; you own it. */
static char *make_reply(const struct tracker *t, size_t *length) {
    size_t body_room = 64 + t->peer_count * 6;
    char *body = lab_alloc(body_room), *reply = lab_alloc(body_room + 256);
    int used = snprintf(body, body_room, "d8:intervali1800e5:peers%zu:", t->peer_count * 6);
    size_t n = (size_t)used;

    for (size_t i = 0; i < t->peer_count; i++) {
        memcpy(body + n, &t->peers[i].sin_addr, 4);
        memcpy(body + n + 4, &t->peers[i].sin_port, 2);
        n += 6;
    }
    body[n++] = 'e';
    used = snprintf(reply, 256,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                    "Connection: close\r\n\r\n",
                    n);
    memcpy(reply + used, body, n);
    free(body);
    *length = (size_t)used + n;
    return reply;
}

static void answer(const struct tracker *t, int fd, const char *reply, size_t length) {
    static const struct timeval patience = {.tv_sec = 2};
    char request[8192] = "";
    size_t used = 0;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (strstr(request, "\r\n\r\n") == NULL) {
        ssize_t n = recv(fd, request + used, sizeof request - 1 - used, 0);
        if (n <= 0) return;
        used += (size_t)n;
        request[used] = '\0';
    }
    request[strcspn(request, "\r\n")] = '\0';
    if (t->log != NULL) fprintf(t->log, "%.6f tracker %s\n", lab_now(), request);
    while (length > 0) {
        ssize_t n = send(fd, reply, length, MSG_NOSIGNAL);
        if (n <= 0) return;
        reply += n;
        length -= (size_t)n;
    }
}

static void *run(void *argument) {
    const struct tracker *t = argument;
    size_t length;
    char *reply = make_reply(t, &length);

    for (;;) {
        int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        answer(t, fd, reply, length);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    return NULL;
}

void tracker_start(struct tracker *t) {
    socklen_t size = sizeof t->addr;
    pthread_t thread;
    int on = 1;

    t->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (t->listener < 0) lab_die("socket");
    setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(t->listener, (struct sockaddr *)&t->addr, sizeof t->addr) != 0 ||
        listen(t->listener, 128) != 0 ||
        getsockname(t->listener, (struct sockaddr *)&t->addr, &size) != 0) {
        lab_die("cannot listen for the tracker");
    }
    if (pthread_create(&thread, NULL, run, t) != 0) lab_die("no thread for the tracker");
}
