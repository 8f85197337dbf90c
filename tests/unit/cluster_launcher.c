/* Launchers are told from their environment, and those that MPI does not see are refused. */
#include "tests/unit/check.h"

#include <sys/resource.h>

#include "common/cluster/cluster.h"
#include "common/cluster/host.h"
#include "common/cluster/launcher.h"

static const char *const names[] = {"OMPI_COMM_WORLD_RANK",
                                    "OMPI_COMM_WORLD_SIZE",
                                    "PMIX_RANK",
                                    "PMIX_SIZE",
                                    "PMI_RANK",
                                    "PMI_SIZE",
                                    "FLUX_TASK_RANK",
                                    "FLUX_JOB_SIZE",
                                    "SLURM_PROCID",
                                    "SLURM_STEP_NUM_TASKS",
                                    "SLURM_NTASKS"};

static void forget_launchers(void)
{
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unsetenv(names[i]);
}

static void launchers_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *set[5]; /* name, value, … */
        const char *name;
        uint32_t rank, ranks, seen;
        bool mpi, refused;
    } cases[] = {
        {{NULL}, NULL, 0, 1, 1, false, false},
        {{"OMPI_COMM_WORLD_RANK", "3", "OMPI_COMM_WORLD_SIZE", "8"}, "mpirun", 3, 8, 8, true, false},
        {{"OMPI_COMM_WORLD_RANK", "3", "OMPI_COMM_WORLD_SIZE", "8"}, "mpirun", 3, 8, 1, true, true},
        {{"PMIX_RANK", "2"}, "a PMIx launcher", 2, 0, 1, true, false},
        {{"PMIX_RANK", "2", "SLURM_STEP_NUM_TASKS", "4"}, "a PMIx launcher", 2, 4, 1, true, true},
        {{"PMIX_RANK", "2", "SLURM_STEP_NUM_TASKS", "4"}, "a PMIx launcher", 2, 4, 4, true, false},
        {{"PMI_RANK", "1", "PMI_SIZE", "2"}, "a PMI launcher", 1, 2, 1, false, true},
        {{"PMI_RANK", "0", "PMI_SIZE", "1"}, NULL, 0, 1, 1, false, false},
        {{"SLURM_PROCID", "5", "SLURM_STEP_NUM_TASKS", "6"}, "srun", 5, 6, 1, false, true},
        {{"SLURM_PROCID", "0", "SLURM_NTASKS", "6"}, NULL, 0, 1, 1, false, false}, /* a batch script */
        {{"FLUX_TASK_RANK", "1", "FLUX_JOB_SIZE", "2"}, "flux run", 1, 2, 1, false, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        forget_launchers();
        for (int n = 0; cases[i].set[n]; n += 2)
            setenv(cases[i].set[n], cases[i].set[n + 1], 1);
        struct cps_launcher found = cps_launcher_find();
        if (!cases[i].name != !found.name || (found.name && strcmp(found.name, cases[i].name) != 0))
            fail_msg("case %zu: '%s'", i, found.name ? found.name : "none");
        check_int(found.rank, cases[i].rank, "rank of case %zu", i);
        check_int(found.ranks, cases[i].ranks, "ranks of case %zu", i);
        check_int(found.mpi, cases[i].mpi, "mpi in case %zu", i);
        if (cases[i].refused)
            check_fails(cps_launcher_check(&found, cases[i].seen), CPS_ERR_USAGE,
                        "each would train a run of its own");
        else
            check_ok(cps_launcher_check(&found, cases[i].seen));
    }
}

static void a_bare_process_is_a_cluster(void **state)
{
    (void)state;
    struct cps_cluster *cluster = NULL;
    struct cps_text text = {0};
    uint32_t own = 7, all = 0;
    bool more = true;
    forget_launchers();
    check_ok(cps_cluster_start(1, "a test", &cluster));
    check_int(cluster->ranks, 1, "ranks");
    check_int(cluster->host_count, 1, "hosts");
    assert_true(cluster->one_host && cluster->run_id != 0 && cluster->hosts[0][0] != '\0');
    check_ok(cps_text_add(&text, "options"));
    check_ok(cps_cluster_broadcast(cluster, &text));
    assert_string_equal(text.data, "options");
    check_ok(cps_cluster_gather(cluster, &own, sizeof own, &all));
    check_int(all, 7, "gathered");
    check_ok(cps_cluster_hold(cluster, &more));
    assert_true(more);
    cps_fail(CPS_ERR_DATA, "no ratings");
    check_int(cps_cluster_agree(cluster, CPS_ERR_DATA), CPS_ERR_DATA, "its own agreement");
    assert_string_equal(cps_error_text(), "no ratings");
    assert_true(cps_cluster_end(&cluster));
    assert_null(cluster);
    cps_text_release(&text);
}

static void files_are_counted(void **state)
{
    (void)state;
    check_ok(cps_host_need_files(1));
    check_fails(cps_host_need_files(UINT32_MAX), CPS_ERR_USAGE, "open files are allowed");
    assert_non_null(strstr(cps_error_hint(), "ulimit"));
}

static void address_space_is_counted(void **state)
{
    (void)state;
    struct rlimit limit, low;
    getrlimit(RLIMIT_AS, &limit);
    low = limit;
    low.rlim_cur = (rlim_t)1 << 44;
    if (limit.rlim_max < low.rlim_cur)
        skip();
    setrlimit(RLIMIT_AS, &low);
    enum cps_status enough = cps_host_need_address_space((uint64_t)1 << 44),
                    few = cps_host_need_address_space(((uint64_t)1 << 44) + 1);
    setrlimit(RLIMIT_AS, &limit);
    check_int(enough, CPS_OK, "enough");
    check_int(few, CPS_ERR_MEMORY, "too few");
    assert_non_null(strstr(cps_error_text(), "16777216 MiB of memory are allowed"));
    assert_non_null(strstr(cps_error_hint(), "ulimit"));
}

static void file_sizes_are_limited(void **state)
{
    (void)state;
    struct rlimit limit, low;
    getrlimit(RLIMIT_FSIZE, &limit);
    low = limit;
    low.rlim_cur = (rlim_t)1 << 20;
    if (limit.rlim_max < low.rlim_cur)
        skip();
    setrlimit(RLIMIT_FSIZE, &low);
    enum cps_status enough = cps_host_need_file_size((uint64_t)1 << 20),
                    few = cps_host_need_file_size(((uint64_t)1 << 20) + 1024);
    setrlimit(RLIMIT_FSIZE, &limit);
    check_int(enough, CPS_OK, "enough");
    check_int(few, CPS_ERR_STORAGE, "too few");
    assert_non_null(
        strstr(cps_error_text(), "files of 1024 KiB are allowed, and a rank of this job needs 1025"));
    assert_non_null(strstr(cps_error_hint(), "ulimit -f"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launchers_are_told_apart), cmocka_unit_test(a_bare_process_is_a_cluster),
        cmocka_unit_test(files_are_counted),        cmocka_unit_test(address_space_is_counted),
        cmocka_unit_test(file_sizes_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
