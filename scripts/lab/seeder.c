/*
 * seeder.c: a swarm of seeders in one process, a thread per connection.
 *
 * It serves one payload under any number of addresses, each of them a peer of its own to whoever
 * downloads, and costs less than any client can: a run of requests leaves with one sendfile() (see
 * image.h, peer.c). Groups of addresses can be slow, wrong, silent, poor or rude, so that a swarm
 * of any kind is one command. `seeder --help` lists what they can do.
 *
 * On stdout: "ready IP:PORT ..." once every address listens (ports as bound, for port 0), after
 * "tracker IP:PORT" if it is one. At SIGTERM or SIGINT: a line "peer ..." per address and a line
 * "total ...", both as `key value` pairs, and exit 0.
 */
#include "lab.h"
#include "peer.h"
#include "tracker.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <unistd.h>

static const char usage[] =
    "usage: seeder --torrent FILE --data PATH --listen ADDRESSES[,BEHAVIOUR...]... [OPTIONS]\n"
    "\n"
    "ADDRESSES: IP:PORT, IP-LASTOCTET:PORT or IP+COUNT:PORT; port 0: any\n"
    "BEHAVIOUR of each peer of this --listen (sizes: k M G, Ki Mi Gi):\n"
    "  rate=BYTES     bytes per second and connection     chunk=BYTES  sent at a time\n"
    "  corrupt=P      flip a bit of a block with probability P\n"
    "  silent=BYTES   after so many bytes never answer again, connection open\n"
    "  cut=BYTES      end each connection after so many bytes (FIN)   reset=BYTES  (RST)\n"
    "  part=I/N       hold only pieces p with p % N == I; part=*/N: I counts the addresses\n"
    "  choke          never unchoke     delay=MS  answer each request so much later\n"
    "  reqq=N         requests it says it takes (2048)\n"
    "OPTIONS:\n"
    "  --tracker IP:PORT  also be the tracker, and tell all addresses\n"
    "  --dead ADDRESSES   further addresses that the tracker tells\n"
    "  --image FILE       keep the wire image in this file (on tmpfs) and find it again there\n"
    "  --seed N           of every random choice (1)\n"
    "  --log FILE         one line per event\n";

static struct swarm swarm = {.seed = 1};
static struct seat *seats;
static size_t seat_count;

/* --- options -------------------------------------------------------------------------------- */

static uint64_t need_size(const char *value, const char *word) {
    uint64_t size;
    errno = 0;
    if (value == NULL || !lab_size(value, &size)) lab_die("no size: %s", word);
    return size;
}

static void parse_part(struct group *g, const char *value) {
    const char *slash = value != NULL ? strchr(value, '/') : NULL;
    if (slash == NULL) lab_die("part=I/N or part=*/N");
    g->parts = (uint32_t)strtoul(slash + 1, NULL, 10);
    g->part_by_seat = *value == '*';
    g->part = g->part_by_seat ? 0 : (uint32_t)strtoul(value, NULL, 10);
    if (g->parts == 0 || g->part >= g->parts) lab_die("part=%s", value);
}

static void parse_behaviour(struct group *g, char *word) {
    char *value = strchr(word, '=');
    if (value != NULL) *value++ = '\0';
    struct {
        const char *name;
        uint64_t *place;
    } sizes[] = {{"rate", &g->rate},     {"chunk", &g->chunk}, {"silent", &g->silent},
                 {"cut", &g->cut},       {"reset", &g->reset}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (strcmp(word, sizes[i].name) != 0) continue;
        *sizes[i].place = need_size(value, word);
        return;
    }
    if (strcmp(word, "part") == 0) {
        parse_part(g, value);
    } else if (strcmp(word, "choke") == 0) {
        g->choke = true;
    } else if (strcmp(word, "corrupt") == 0 && value != NULL) {
        g->corrupt = strtod(value, NULL);
    } else if (strcmp(word, "delay") == 0) {
        g->delay_ms = (uint32_t)need_size(value, word);
    } else if (strcmp(word, "reqq") == 0) {
        g->reqq = (uint32_t)need_size(value, word);
    } else {
        lab_die("unknown behaviour: %s", word);
    }
}

static void add_seats(struct sockaddr_in *addrs, size_t count, const struct group *g) {
    seats = realloc(seats, (seat_count + count) * sizeof *seats);
    if (seats == NULL) lab_die("no memory");
    for (size_t i = 0; i < count; i++) {
        struct seat *seat = &seats[seat_count];
        memset(seat, 0, sizeof *seat);
        seat->addr = addrs[i];
        seat->group = g;
        seat->part = g->part_by_seat ? (uint32_t)i % g->parts : g->part;
        seat->number = (uint32_t)seat_count++;
        snprintf((char *)seat->peer_id, 20, "-LB0100-%011u", seat->number);
        seat->peer_id[19] = 'x';
    }
}

static void parse_listen(const char *text) {
    char *copy = strdup(text), *rest = copy;
    struct group *g = lab_alloc(sizeof *g);
    size_t count;

    if (copy == NULL) lab_die("no memory");
    g->reqq = 2048;
    struct sockaddr_in *addrs = lab_range(strsep(&rest, ","), &count);
    for (char *word; (word = strsep(&rest, ",")) != NULL;) parse_behaviour(g, word);
    add_seats(addrs, count, g);
    free(addrs);
    free(copy);
}

struct options {
    const char *torrent, *data, *image, *log, *tracker, *dead;
};

static struct options parse_options(int argc, char **argv) {
    static const struct option names[] = {
        {"torrent", 1, NULL, 't'}, {"data", 1, NULL, 'd'},  {"listen", 1, NULL, 'l'},
        {"tracker", 1, NULL, 'T'}, {"dead", 1, NULL, 'D'},  {"image", 1, NULL, 'i'},
        {"seed", 1, NULL, 's'},    {"log", 1, NULL, 'L'},   {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    struct options o = {0};

    for (int c; (c = getopt_long(argc, argv, "h", names, NULL)) != -1;) {
        switch (c) {
        case 't': o.torrent = optarg; break;
        case 'd': o.data = optarg; break;
        case 'l': parse_listen(optarg); break;
        case 'T': o.tracker = optarg; break;
        case 'D': o.dead = optarg; break;
        case 'i': o.image = optarg; break;
        case 's': swarm.seed = strtoull(optarg, NULL, 10); break;
        case 'L': o.log = optarg; break;
        case 'h': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (o.torrent == NULL || o.data == NULL || seat_count == 0 || optind != argc) {
        fputs(usage, stderr);
        exit(2);
    }
    return o;
}

/* --- listening ------------------------------------------------------------------------------ */

struct guest {
    struct seat *seat;
    int fd;
};

static void *run_guest(void *argument) {
    struct guest guest = *(struct guest *)argument;
    free(argument);
    peer_serve(&swarm, guest.seat, guest.fd);
    return NULL;
}

static void welcome(struct seat *seat, const pthread_attr_t *attributes) {
    int on = 1, fd = accept4(seat->listener, NULL, NULL, SOCK_CLOEXEC);
    struct guest *guest;
    pthread_t thread;

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE) poll(NULL, 0, 50); /* until a guest leaves */
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    guest = lab_alloc(sizeof *guest);
    *guest = (struct guest){seat, fd};
    if (pthread_create(&thread, attributes, run_guest, guest) != 0) {
        close(fd);
        free(guest);
    }
}

/* Accepts on all addresses, for ever. */
static void *run_door(void *argument) {
    struct pollfd *doors = argument;
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 131072); /* a peer's largest local is under 1 KiB */
    for (;;) {
        if (poll(doors, seat_count, -1) <= 0) continue;
        for (size_t i = 0; i < seat_count; i++) {
            if (doors[i].revents != 0) welcome(&seats[i], &attributes);
        }
    }
    return NULL;
}

static void seat_listen(struct seat *seat) {
    socklen_t size = sizeof seat->addr;
    char text[32];
    int on = 1;

    lab_addr_text(&seat->addr, text);
    seat->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (seat->listener < 0) lab_die("socket");
    setsockopt(seat->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(seat->listener, (struct sockaddr *)&seat->addr, size) != 0 ||
        listen(seat->listener, 128) != 0 ||
        getsockname(seat->listener, (struct sockaddr *)&seat->addr, &size) != 0) {
        lab_die("cannot listen on %s", text);
    }
}

static void open_doors(void) {
    struct pollfd *doors = lab_alloc(seat_count * sizeof *doors);
    pthread_t thread;

    for (size_t i = 0; i < seat_count; i++) {
        seat_listen(&seats[i]);
        doors[i] = (struct pollfd){.fd = seats[i].listener, .events = POLLIN};
    }
    if (pthread_create(&thread, NULL, run_door, doors) != 0) lab_die("no thread");
}

/* --- the tracker's list --------------------------------------------------------------------- */

/* All seats and all dead addresses, shuffled by the seed: the same order for every client. */
static void start_tracker(struct tracker *t, const struct options *o) {
    size_t dead_count = 0, one;
    struct sockaddr_in *dead = o->dead != NULL ? lab_range(o->dead, &dead_count) : NULL;
    uint64_t state = swarm.seed;

    t->addr = *lab_range(o->tracker, &one);
    t->log = swarm.log;
    t->peer_count = seat_count + dead_count;
    t->peers = lab_alloc(t->peer_count * sizeof *t->peers);
    for (size_t i = 0; i < t->peer_count; i++) {
        t->peers[i] = i < seat_count ? seats[i].addr : dead[i - seat_count];
    }
    for (size_t i = t->peer_count; i > 1; i--) {
        size_t other = (size_t)(lab_random(&state) % i);
        struct sockaddr_in kept = t->peers[i - 1];
        t->peers[i - 1] = t->peers[other];
        t->peers[other] = kept;
    }
    free(dead);
    tracker_start(t);
}

/* A descriptor per address and one per connection: as many as the system lets us have. */
static void raise_limits(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* --- start and end -------------------------------------------------------------------------- */

static void print_totals(void) {
    unsigned long long payload = 0, corrupted = 0, connections = 0;
    char addr[32];

    for (size_t i = 0; i < seat_count; i++) {
        struct seat *s = &seats[i];
        lab_addr_text(&s->addr, addr);
        printf("peer %s connections %llu handshakes %llu payload %llu corrupted %llu "
               "requests %llu cancels %llu open %llu left %.6f\n",
               addr, s->connections, s->handshakes, s->payload, s->corrupted, s->requests,
               s->cancels, s->open, (double)s->left_us / 1e6);
        payload += s->payload;
        corrupted += s->corrupted;
        connections += s->connections;
    }
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    printf("total payload %llu distinct %llu corrupted %llu connections %llu cpu %.3f "
           "t99 %.6f t100 %.6f\n",
           payload, swarm.distinct, corrupted, connections, cpu, (double)swarm.t99_us / 1e6,
           (double)swarm.t100_us / 1e6);
}

int main(int argc, char **argv) {
    static struct torrent torrent;
    static struct tracker tracker;
    struct options o = parse_options(argc, argv);
    sigset_t endings;
    char addr[32];
    int signal_number;

    sigemptyset(&endings);
    sigaddset(&endings, SIGTERM);
    sigaddset(&endings, SIGINT);
    pthread_sigmask(SIG_BLOCK, &endings, NULL);
    raise_limits();
    signal(SIGPIPE, SIG_IGN); /* sendfile() has no MSG_NOSIGNAL */
    torrent_load(o.torrent, &torrent);
    image_open(&swarm.image, &torrent, o.data, o.image);
    uint64_t blocks = (uint64_t)torrent.pieces * swarm.image.blocks_per_piece;
    swarm.sent_map = lab_alloc((size_t)(blocks / 32 + 1) * sizeof *swarm.sent_map);
    if (o.log != NULL && (swarm.log = fopen(o.log, "w")) == NULL) lab_die("%s", o.log);
    open_doors();
    if (o.tracker != NULL) {
        start_tracker(&tracker, &o);
        lab_addr_text(&tracker.addr, addr);
        printf("tracker %s\n", addr);
    }
    printf("ready");
    for (size_t i = 0; i < seat_count; i++) {
        lab_addr_text(&seats[i].addr, addr);
        printf(" %s", addr);
    }
    putchar('\n');
    fflush(stdout);
    sigwait(&endings, &signal_number);
    if (swarm.log != NULL) fflush(swarm.log);
    print_totals();
    fflush(stdout);
    _exit(0); /* the peers' threads may be anywhere: nothing to undo, nobody to wait for */
}
