/* What a person types -> a row, or a sentence that helps. */
#include "common/inference/title_search.h"

#include "tests/unit/check.h"

static const char *ids[] = {"#na#", "50", "172", "181", "7", "8|9", "11", "12", "13"};
static const char *titles[] = {"#na#",
                               "Star Wars (1977)",
                               "Empire Strikes Back, The (1980)",
                               "Return of the Jedi (1983)",
                               "Star Trek (1979)",
                               "Été meurtrier, L' (1983)",
                               "Star Trek: First Contact (1996)",
                               "Heat (1995)",
                               "Dead Heat (1988)"};

static struct cps_title_search open_search(void)
{
    static struct cps_row_names names;
    struct cps_title_search search;
    names = (struct cps_row_names){.rows = COUNT_OF(ids), .id = ids, .title = titles};
    check_ok(cps_title_search_init(&search, &names));
    return search;
}

static void typed_titles_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        uint32_t row;
    } cases[] = {
        {"50", 1},          {"8", 5},
        {"9", 5},           {"Star Wars (1977)", 1},
        {"sTAR wARS", 1},   {"star w", 1},
        {"emp strikes", 2}, {"strikes back", 2},
        {"the jedi", 3},    {"star trek", 4}, /* whole but for the year, though another begins with it */
        {"star trek:", 6},  {"ÉTÉ MEURTRIER", 5},
        {"meurtrier", 5},   {"heat", 7},
        {"dead", 8},        {"#na#", 0},
        {"contact", 6},     {"edi", 3}, /* a part of a word */
    };
    struct cps_title_search search = open_search();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint32_t row = 99;
        check_ok(cps_title_search_find(&search, cases[i].typed, &row));
        check_int(row, cases[i].row, "'%s'", cases[i].typed);
    }
    cps_title_search_release(&search);
}

static void the_rest_is_refused_with_help(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *cause, *hint;
    } cases[] = {
        {"star",
         "'star' means 3 titles: 'Star Wars (1977)', 'Star Trek (1979)', 'Star Trek: First Contact (1996)'",
         "type more"},
        {"Stra Wars", "no movie 'Stra Wars'", "the nearest are 'Star Wars (1977)'"},
        {"Retrun of the Jedi", "no movie", "'Return of the Jedi (1983)'"},
        {"  ", "no title", ""},
    };
    struct cps_title_search search = open_search();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint32_t row;
        check_fails(cps_title_search_find(&search, cases[i].typed, &row), CPS_ERR_DATA, cases[i].cause);
        if (!strstr(cps_error_hint(), cases[i].hint))
            fail_msg("'%s': hint '%s' lacks '%s'", cases[i].typed, cps_error_hint(), cases[i].hint);
    }
    cps_title_search_release(&search);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_titles_are_found),
        cmocka_unit_test(the_rest_is_refused_with_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
