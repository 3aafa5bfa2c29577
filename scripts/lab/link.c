/*
 * link.c: a long or thin line between two network namespaces.
 *
 * netem, the kernel's own way to delay packets, is missing on some kernels. This program needs only
 * TUN devices: it makes one in each namespace, reads the packets that either side sends, holds each
 * back until a line of that rate and length would have delivered it, and writes it out on the other
 * side. One thread per direction; the packets wait in a ring, in order, so the next one to leave is
 * always the oldest.
 *
 *     link --a NETNS:DEVICE --b NETNS:DEVICE [--delay MS] [--rate BYTES] [--loss P] [--queue BYTES]
 *
 * delay: one way; rate: bytes per second of IP packets, each way; loss: probability; queue: bytes
 * that may wait for the line (not those in flight) before further packets are dropped. Prints
 * "ready" when both devices are there (down, without addresses: that is for whoever started it),
 * and at SIGTERM what passed. The devices go with the process.
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    PACKET_ROOM = 2048, /* the devices have an MTU of 1500 */
    GULP = 64,          /* packets read before it is looked what may leave */
};

struct packet {
    double due;
    uint32_t length;
    uint8_t bytes[PACKET_ROOM - 16];
};

/* One direction. Used by its own thread alone. */
struct line {
    int from, to;
    struct packet *ring;
    size_t room, head, tail; /* counting up; index modulo room */
    double free_at;          /* when the line will have sent what it was given */
    uint64_t random;
    unsigned long long passed, dropped;
};

static double delay, rate, loss;
static double queue_seconds = 1e9;
static uint64_t queue_bytes;

/* Makes a TUN device in a namespace; returns its descriptor, which stays with us. */
static int make_device(char *where) {
    char *name = strchr(where, ':'), path[128];
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

    if (name == NULL) lab_die("NETNS:DEVICE, not %s", where);
    *name++ = '\0';
    snprintf(path, sizeof path, "/run/netns/%s", where);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (home < 0 || space < 0 || setns(space, CLONE_NEWNET) != 0) lab_die("%s", path);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) lab_die("cannot make device %s", name);
    if (setns(home, CLONE_NEWNET) != 0) lab_die("cannot return to our namespace");
    close(space);
    close(home);
    return fd;
}

/* Gives the packet at the tail of the ring its time, or drops it. */
static void on_packet(struct line *l, size_t length, double now) {
    struct packet *p = &l->ring[l->tail % l->room];

    if (loss > 0 && (double)(lab_random(&l->random) >> 11) * 0x1p-53 < loss) {
        l->dropped++;
        return;
    }
    if (l->free_at < now) l->free_at = now;
    if (l->free_at - now > queue_seconds) {
        l->dropped++;
        return;
    }
    if (rate > 0) l->free_at += (double)length / rate;
    p->due = l->free_at + delay;
    p->length = (uint32_t)length;
    l->tail++;
}

static void take_in(struct line *l) {
    for (int i = 0; i < GULP && l->tail - l->head < l->room; i++) {
        struct packet *p = &l->ring[l->tail % l->room];
        ssize_t n = read(l->from, p->bytes, sizeof p->bytes);
        if (n <= 0) return;
        on_packet(l, (size_t)n, lab_now());
    }
}

/* Writes out what is due. Returns how long until the next packet is: negative when none waits. */
static double let_out(struct line *l) {
    double now = lab_now();

    for (; l->head != l->tail; l->head++) {
        const struct packet *p = &l->ring[l->head % l->room];
        if (p->due > now) return p->due - now;
        if (write(l->to, p->bytes, p->length) == (ssize_t)p->length) {
            l->passed++;
        } else {
            l->dropped++;
        }
    }
    return -1;
}

static void *run_line(void *argument) {
    struct line *l = argument;

    for (;;) {
        double left = let_out(l);
        bool full = l->tail - l->head == l->room;
        struct pollfd watched = {.fd = full ? -1 : l->from, .events = POLLIN};
        struct timespec timeout = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
        if (ppoll(&watched, 1, left < 0 ? NULL : &timeout, NULL) > 0) {
            if (watched.revents & (POLLERR | POLLHUP)) poll(NULL, 0, 1); /* not up yet */
            take_in(l);
        }
    }
    return NULL;
}

static void start_line(struct line *l, int from, int to, uint64_t seed) {
    pthread_t thread;

    l->from = from;
    l->to = to;
    l->random = seed;
    l->room = 1U << 17; /* 256 MiB of address space, touched only as far as packets wait */
    l->ring = lab_alloc(l->room * sizeof *l->ring);
    if (pthread_create(&thread, NULL, run_line, l) != 0) lab_die("thread");
}

static double number_option(const char *text) {
    uint64_t size;
    char *end;
    double value = strtod(text, &end);

    if (*end == '\0' && end != text) return value;
    if (!lab_size(text, &size)) lab_die("no number: %s", text);
    return (double)size;
}

static void parse_options(int argc, char **argv, char **a, char **b) {
    static const struct option names[] = {
        {"a", 1, NULL, 'a'},    {"b", 1, NULL, 'b'},    {"delay", 1, NULL, 'd'},
        {"rate", 1, NULL, 'r'}, {"loss", 1, NULL, 'l'}, {"queue", 1, NULL, 'q'},
        {NULL, 0, NULL, 0}};

    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'a': *a = optarg; break;
        case 'b': *b = optarg; break;
        case 'd': delay = number_option(optarg) / 1e3; break;
        case 'r': rate = number_option(optarg); break;
        case 'l': loss = number_option(optarg); break;
        case 'q': queue_bytes = (uint64_t)number_option(optarg); break;
        default: *a = NULL; optind = argc; break;
        }
    }
    if (*a == NULL || *b == NULL || optind != argc) {
        fputs("usage: link --a NETNS:DEVICE --b NETNS:DEVICE [--delay MS] [--rate BYTES]\n"
              "            [--loss P] [--queue BYTES]\n",
              stderr);
        exit(2);
    }
    if (queue_bytes > 0 && rate > 0) queue_seconds = (double)queue_bytes / rate;
}

int main(int argc, char **argv) {
    static struct line there, back;
    char *a = NULL, *b = NULL;
    sigset_t endings;
    int signal_number;

    parse_options(argc, argv, &a, &b);
    sigemptyset(&endings);
    sigaddset(&endings, SIGTERM);
    sigaddset(&endings, SIGINT);
    pthread_sigmask(SIG_BLOCK, &endings, NULL);
    int fd_a = make_device(a), fd_b = make_device(b);
    start_line(&there, fd_a, fd_b, 1);
    start_line(&back, fd_b, fd_a, 2);
    puts("ready");
    fflush(stdout);
    sigwait(&endings, &signal_number);
    printf("link passed %llu + %llu dropped %llu + %llu packets\n", there.passed, back.passed,
           there.dropped, back.dropped);
    fflush(stdout);
    _exit(0);
}
