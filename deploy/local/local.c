/*
 * Loaded into mpirun by launch.sh for a job on one host (LD_PRELOAD): Open MPI's launcher listens on every
 * network of a host, whatever it is told, and this makes it listen on the loopback.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int bind(int file, const struct sockaddr *address, socklen_t bytes);

/* What mpirun starts is not to load it as well. */
__attribute__((constructor)) static void keep_to_this_process(void)
{
    unsetenv("LD_PRELOAD");
}

/* Puts the loopback in the place of 'every address'. */
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
