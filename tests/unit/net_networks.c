/* The network that all hosts share. */
#include "common/net/networks.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "tests/unit/check.h"

/* "10.0.0.1/24 fd00::1/64", as the networks of a rank. */
static struct cps_networks networks_of(const char *text)
{
    struct cps_networks out = {.count = 0};
    char copy[256], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        struct cps_network_entry *entry = &out.entries[out.count++];
        char *slash = strchr(word, '/');
        *slash = '\0';
        entry->version = strchr(word, ':') ? 6 : 4;
        entry->bits = (uint8_t)atoi(slash + 1);
        assert_int_equal(inet_pton(entry->version == 4 ? AF_INET : AF_INET6, word, entry->address), 1);
    }
    return out;
}

static void the_shared_network_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *ranks[3];
        uint32_t host_of[3];
        const char *network, *address; /* of rank 1; NULL: none */
    } cases[] = {
        {{"10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"}, {0, 1, 2}, "10.0.0.0/24", "10.0.0.2"},
        /* a bridge of containers, the same on every host, comes first and leads nowhere */
        {{"172.17.0.1/16 10.0.0.1/24", "172.17.0.1/16 10.0.0.2/24", "172.17.0.1/16 10.0.0.3/24"},
         {0, 1, 2},
         "10.0.0.0/24",
         "10.0.0.2"},
        /* two ranks of one host have one address */
        {{"10.0.0.1/24", "10.0.0.1/24", "10.0.0.3/24"}, {0, 0, 1}, "10.0.0.0/24", "10.0.0.1"},
        /* one host lacks the first */
        {{"10.0.0.1/24 10.1.0.1/20", "10.1.0.9/20 10.0.0.2/24", "10.1.15.3/20"},
         {0, 1, 2},
         "10.1.0.0/20",
         "10.1.0.9"},
        {{"fd00:1::1/64", "fd00:1::2/64", "fd00:1::3/64"}, {0, 1, 2}, "fd00:1::/64", "fd00:1::2"},
        {{"10.0.0.1/24", "10.0.1.2/24", "10.0.0.3/24"}, {0, 1, 2}, NULL, NULL},
        {{"10.0.0.1/24", "10.0.0.2/16", "10.0.0.3/24"}, {0, 1, 2}, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_networks all[3];
        char address[CPS_ADDRESS_BYTES] = "", network[CPS_NETWORK_BYTES] = "";
        for (int rank = 0; rank < 3; rank++)
            all[rank] = networks_of(cases[i].ranks[rank]);
        bool found = cps_networks_choose(all, cases[i].host_of, 3, 1, address, network);
        check_int(found, cases[i].network != NULL, "case %zu", i);
        if (!found)
            continue;
        assert_string_equal(network, cases[i].network);
        assert_string_equal(address, cases[i].address);
    }
}

static void this_host_has_no_loopback_in_its_list(void **state)
{
    (void)state;
    struct cps_networks own;
    check_ok(cps_networks_find(&own));
    for (uint32_t i = 0; i < own.count; i++)
        assert_false(own.entries[i].version == 4 && own.entries[i].address[0] == 127);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shared_network_is_found),
        cmocka_unit_test(this_host_has_no_loopback_in_its_list),
    };
    return cmocka_run_group_tests_name("net: networks", tests, NULL, NULL);
}
