/*
 * A switch in user space for the test bed: delay, loss and capture on links, also on kernels without netem.
 *
 *   wire [--delay-ms D] [--jitter-ms J] [--loss SHARE] [--seed N] [--capture FILE] INTERFACE...
 *
 *     interface 0 ---+               +--- queue of frames, by the time they are due ---+
 *     interface 1 ---+-- receive --> | loss? then copy to all others, or to the one    | --> send
 *     interface 2 ---+               | from which the destination's address was seen   |
 *
 * Every frame is delayed by D, by up to J more (which reorders), and lost with probability SHARE, drawn from a
 * seeded generator. FILE receives all frames, concatenated: what an eavesdropper could read. Offloads must be
 * off on the interfaces, so that frames are whole: ethtool -K INTERFACE tx off gso off tso off gro off.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 16, FRAME_BYTES = 9216, FRAMES = 16384, ADDRESSES = 64 };

struct frame {
    uint64_t due_ns, order; /* order: of arrival, for frames with equal due_ns */
    uint32_t bytes;
    int to;
    unsigned char data[FRAME_BYTES];
};

struct known {
    unsigned char address[ETH_ALEN];
    int port;
};

static int sockets[PORTS], port_count;
static struct frame *heap[FRAMES];
static size_t heap_count;
static struct frame *spare[FRAMES];
static size_t spare_count;
static struct known addresses[ADDRESSES];
static size_t address_count;
static uint64_t random_state = 1, arrivals;
static double delay_ms, jitter_ms, loss;
static FILE *capture;
static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* xorshift64*, in [0, 1). */
static double draw(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (double)(random_state * 0x2545F4914F6CDD1Du >> 11) * 0x1p-53;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- the queue: a heap by time ---- */

static bool is_before(const struct frame *a, const struct frame *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->order < b->order);
}

static void swap(size_t a, size_t b)
{
    struct frame *frame = heap[a];
    heap[a] = heap[b];
    heap[b] = frame;
}

static void push(struct frame *frame)
{
    size_t at = heap_count++;
    heap[at] = frame;
    for (; at > 0 && is_before(heap[at], heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(at, (at - 1) / 2);
}

static struct frame *pop(void)
{
    struct frame *first = heap[0];
    heap[0] = heap[--heap_count];
    for (size_t at = 0;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < heap_count && is_before(heap[child + 1], heap[child]))
            child++;
        if (child >= heap_count || !is_before(heap[child], heap[at]))
            return first;
        swap(at, child);
        at = child;
    }
}

/* ---- ports ---- */

static int open_port(const char *name)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int buffer = 8 << 20, port = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
    struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
    address.sll_ifindex = promiscuous.mr_ifindex = (int)if_nametoindex(name);
    if (port < 0 || address.sll_ifindex == 0 || bind(port, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(port, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) != 0)
        die(name);
    setsockopt(port, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(port, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    return port;
}

static void learn(const unsigned char *address, int port)
{
    for (size_t i = 0; i < address_count; i++)
        if (memcmp(addresses[i].address, address, ETH_ALEN) == 0)
            return;
    if (address_count == ADDRESSES)
        return;
    memcpy(addresses[address_count].address, address, ETH_ALEN);
    addresses[address_count++].port = port;
}

/* The port of a destination, or -1: all. */
static int port_of(const unsigned char *address)
{
    for (size_t i = 0; i < address_count && !(address[0] & 1); i++)
        if (memcmp(addresses[i].address, address, ETH_ALEN) == 0)
            return addresses[i].port;
    return -1;
}

static void queue_frame(const unsigned char *data, size_t bytes, int to)
{
    if (draw() < loss || spare_count == 0)
        return;
    struct frame *frame = spare[--spare_count];
    frame->due_ns = now_ns() + (uint64_t)((delay_ms + jitter_ms * draw()) * 1e6);
    frame->order = arrivals++;
    frame->bytes = (uint32_t)bytes;
    frame->to = to;
    memcpy(frame->data, data, bytes);
    push(frame);
}

static void receive(int port)
{
    static unsigned char data[FRAME_BYTES];
    struct sockaddr_ll from;
    for (int burst = 0; burst < 64; burst++) {
        socklen_t length = sizeof from;
        ssize_t bytes = recvfrom(sockets[port], data, sizeof data, 0, (struct sockaddr *)&from, &length);
        if (bytes < ETH_HLEN)
            return;
        if (from.sll_pkttype == PACKET_OUTGOING) /* our own */
            continue;
        if (capture)
            fwrite(data, 1, (size_t)bytes, capture);
        learn(data + ETH_ALEN, port);
        int to = port_of(data);
        for (int other = 0; other < port_count; other++)
            if (other != port && (to < 0 || to == other))
                queue_frame(data, (size_t)bytes, other);
    }
}

static void send_due(void)
{
    while (heap_count && heap[0]->due_ns <= now_ns()) {
        struct frame *frame = pop();
        /* A full queue, or a link that is down, loses the frame, like a network. */
        if (send(sockets[frame->to], frame->data, frame->bytes, 0) < 0 && errno == EMSGSIZE)
            fprintf(stderr, "wire: a frame of %u bytes: are offloads off?\n", frame->bytes);
        spare[spare_count++] = frame;
    }
}

static int read_options(int argc, char **argv)
{
    int at = 1;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        const char *name = argv[at], *value = argv[at + 1];
        if (strcmp(name, "--delay-ms") == 0)
            delay_ms = strtod(value, NULL);
        else if (strcmp(name, "--jitter-ms") == 0)
            jitter_ms = strtod(value, NULL);
        else if (strcmp(name, "--loss") == 0)
            loss = strtod(value, NULL);
        else if (strcmp(name, "--seed") == 0)
            random_state = strtoull(value, NULL, 10) * 2 + 1;
        else if (strcmp(name, "--capture") != 0 || !(capture = fopen(value, "we")))
            die(name);
    }
    return at;
}

static void run(void)
{
    struct pollfd polls[PORTS];
    for (int port = 0; port < port_count; port++)
        polls[port] = (struct pollfd){.fd = sockets[port], .events = POLLIN};
    while (!ended) {
        struct timespec wait = {.tv_nsec = 100000000};
        if (heap_count) {
            uint64_t now = now_ns();
            uint64_t left = heap[0]->due_ns > now ? heap[0]->due_ns - now : 0;
            wait.tv_nsec = left < 100000000 ? (long)left : 100000000;
        }
        ppoll(polls, (nfds_t)port_count, &wait, NULL);
        for (int port = 0; port < port_count; port++)
            receive(port);
        send_due();
    }
}

int main(int argc, char **argv)
{
    int first = read_options(argc, argv);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    static struct frame frames[FRAMES];
    for (size_t i = 0; i < FRAMES; i++)
        spare[spare_count++] = &frames[i];
    for (int i = first; i < argc && port_count < PORTS; i++)
        sockets[port_count++] = open_port(argv[i]);
    puts("ready");
    fflush(stdout);
    run();
    if (capture)
        fclose(capture);
    for (int port = 0; port < port_count; port++)
        close(sockets[port]);
    return 0;
}
