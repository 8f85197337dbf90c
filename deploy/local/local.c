/*
 * Loaded into mpirun by launch.sh (LD_PRELOAD) for a job on one host: Open MPI's launcher listens on every
 * network of the host, whatever its settings; this library restricts it to the loopback.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int bind(int file, const struct sockaddr *address, socklen_t bytes);

/* The processes that mpirun starts must not load it, too. */
__attribute__((constructor)) static void keep_to_this_process(void)
{
    unsetenv("LD_PRELOAD");
}

/* Replaces the wildcard address by the loopback. */
static void turn_inward(struct sockaddr_storage *address, socklen_t bytes)
{
    struct sockaddr_in *v4 = (void *)address;
    struct sockaddr_in6 *v6 = (void *)address;
    if (address->ss_family == AF_INET && bytes >= sizeof *v4 && v4->sin_addr.s_addr == htonl(INADDR_ANY))
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (address->ss_family == AF_INET6 && bytes >= sizeof *v6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
        v6->sin6_addr = in6addr_loopback;
}

int bind(int file, const struct sockaddr *address, socklen_t bytes)
{
    int (*next)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_storage changed;
    *(void **)&next = dlsym(RTLD_NEXT, "bind");
    if (!address || bytes > sizeof changed)
        return next(file, address, bytes);
    memcpy(&changed, address, bytes);
    turn_inward(&changed, bytes);
    return next(file, (const struct sockaddr *)&changed, bytes);
}
