/*
 * The probe; see probe.h.
 *
 *     caller                        server
 *     token                    ->
 *     16 bytes, ROUNDS times   ->
 *                              <-   the same
 *     zeros for a while, end   ->
 *                              <-   their number
 */
#include "common/net/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"

enum { ROUNDS = 16, ROUND_BYTES = 16, CHUNK_BYTES = 65536, BACKLOG = 4 };
static const uint64_t STREAM_NS = 150000000, MOST_BYTES = 256 << 20;

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t make_address(const char *text, uint16_t port, union address *out)
{
    *out = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1)
        return sizeof out->v6;
    *out = (union address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    return inet_pton(AF_INET, text, &out->v4.sin_addr) == 1 ? sizeof out->v4 : 0;
}

static int open_socket(int family)
{
    int one = 1, file = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (file >= 0)
        setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return file;
}

static enum cps_status fail_listen(int file, const char *address, uint16_t port)
{
    int code = errno;
    if (file >= 0)
        close(file);
    return cps_fail(CPS_ERR_USAGE, "cannot listen on %s port %u: %s", address, port, strerror(code));
}

enum cps_status cps_probe_listen(const char *address, uint16_t port, int *out, uint16_t *taken)
{
    union address own;
    int one = 1;
    socklen_t bytes = make_address(address, port, &own);
    int file = bytes ? open_socket(own.any.sa_family) : -1;
    if (file < 0 || setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(file, &own.any, bytes) != 0 || listen(file, BACKLOG) != 0 ||
        getsockname(file, &own.any, &bytes) != 0)
        return fail_listen(file, address, port);
    *taken = ntohs(own.any.sa_family == AF_INET ? own.v4.sin_port : own.v6.sin6_port);
    *out = file;
    return CPS_OK;
}

/* Waits for events on file until until_ns. */
static bool wait_for(int file, short events, uint64_t until_ns)
{
    struct pollfd item = {.fd = file, .events = events};
    for (;;) {
        uint64_t now_ns = cps_clock_ns();
        int ms = now_ns < until_ns ? (int)((until_ns - now_ns) / 1000000 + 1) : 0;
        int ready = poll(&item, 1, ms);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR) {
            errno = ready == 0 ? ETIMEDOUT : errno;
            return false;
        }
    }
}

static bool send_all(int file, const void *data, size_t bytes, uint64_t until_ns)
{
    const uint8_t *at = data;
    while (bytes) {
        ssize_t sent = send(file, at, bytes, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            bytes -= (size_t)sent;
        } else if (errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!wait_for(file, POLLOUT, until_ns)) {
            return false;
        }
    }
    return true;
}

static bool receive_all(int file, void *data, size_t bytes, uint64_t until_ns)
{
    uint8_t *at = data;
    while (bytes) {
        ssize_t got = recv(file, at, bytes, 0);
        if (got > 0) {
            at += got;
            bytes -= (size_t)got;
        } else if (got == 0) {
            errno = ECONNRESET;
            return false;
        } else if (errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!wait_for(file, POLLIN, until_ns)) {
            return false;
        }
    }
    return true;
}

/* ---- server ---- */

/* Reads to the end of the stream, and sends the number of bytes read. */
static void sink(int file, uint64_t until_ns)
{
    static uint8_t chunk[CHUNK_BYTES];
    uint64_t total = 0;
    for (;;) {
        ssize_t got = recv(file, chunk, sizeof chunk, 0);
        if (got == 0)
            break;
        if (got > 0)
            total += (uint64_t)got;
        else if ((errno != EAGAIN && errno != EINTR) || !wait_for(file, POLLIN, until_ns))
            return;
    }
    send_all(file, &total, sizeof total, until_ns);
}

/* Serves a caller; false if it did not present our token. */
static bool serve_caller(int file, uint64_t token, uint64_t until_ns)
{
    uint64_t shown = 0;
    uint8_t round[ROUND_BYTES];
    if (!receive_all(file, &shown, sizeof shown, until_ns) || shown != token)
        return false;
    for (int i = 0; i < ROUNDS; i++)
        if (!receive_all(file, round, sizeof round, until_ns) || !send_all(file, round, sizeof round, until_ns))
            return true;
    sink(file, until_ns);
    return true;
}

void cps_probe_serve(int listener, uint64_t token, uint64_t timeout_ns)
{
    uint64_t until_ns = cps_clock_ns() + timeout_ns;
    bool served = false;
    while (!served && wait_for(listener, POLLIN, until_ns)) {
        int file = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        if (file < 0)
            continue;
        setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        served = serve_caller(file, token, until_ns);
        close(file);
    }
}

/* ---- caller ---- */

static bool reach(int file, const union address *peer, socklen_t bytes, uint64_t until_ns)
{
    int code = 0;
    socklen_t size = sizeof code;
    if (connect(file, &peer->any, bytes) == 0)
        return true;
    if (errno != EINPROGRESS || !wait_for(file, POLLOUT, until_ns) ||
        getsockopt(file, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
        return false;
    errno = code;
    return code == 0;
}

static bool time_rounds(int file, uint64_t until_ns, uint32_t *shortest_us)
{
    uint8_t round[ROUND_BYTES] = {0};
    uint64_t shortest_ns = UINT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t start_ns = cps_clock_ns();
        if (!send_all(file, round, sizeof round, until_ns) || !receive_all(file, round, sizeof round, until_ns))
            return false;
        uint64_t took_ns = cps_clock_ns() - start_ns;
        shortest_ns = took_ns < shortest_ns ? took_ns : shortest_ns;
    }
    *shortest_us = (uint32_t)(shortest_ns / 1000);
    return true;
}

static bool time_stream(int file, uint64_t until_ns, uint64_t *bytes_per_s)
{
    static const uint8_t zeros[CHUNK_BYTES];
    uint64_t start_ns = cps_clock_ns(), sent = 0, arrived = 0;
    while (sent < MOST_BYTES && cps_clock_ns() - start_ns < STREAM_NS) {
        if (!send_all(file, zeros, sizeof zeros, until_ns))
            return false;
        sent += sizeof zeros;
    }
    if (shutdown(file, SHUT_WR) != 0 || !receive_all(file, &arrived, sizeof arrived, until_ns))
        return false;
    *bytes_per_s = (uint64_t)((double)arrived * 1e9 / (double)(cps_clock_ns() - start_ns));
    return true;
}

struct cps_probe_result cps_probe_call(const char *address, uint16_t port, uint64_t token, uint64_t timeout_ns)
{
    union address peer;
    struct cps_probe_result result = {0};
    uint64_t until_ns = cps_clock_ns() + timeout_ns;
    socklen_t bytes = make_address(address, port, &peer);
    int file = bytes ? open_socket(peer.any.sa_family) : -1;
    errno = file < 0 && !bytes ? EADDRNOTAVAIL : errno;
    if (file < 0 || !reach(file, &peer, bytes, until_ns) || !send_all(file, &token, sizeof token, until_ns) ||
        !time_rounds(file, until_ns, &result.round_us) || !time_stream(file, until_ns, &result.bytes_per_s))
        result.error = errno ? errno : EIO;
    if (file >= 0)
        close(file);
    return result;
}
