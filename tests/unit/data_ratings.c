/* What the readers of ratings and titles take, and what they say to the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "common/data/build.h"
#include "common/data/ratings.h"

struct input {
    const char *ratings;
    size_t size; /* 0: up to the NUL */
    const char *titles;
    const struct cps_delimiter *title_delimiter; /* NULL: comma */
    const char *user_column, *item_column, *rating_column;
};

static enum cps_status build(const struct input *input, struct cps_dataset *out)
{
    struct cps_dataset_request request = {
        .shards = 1,
        .keep_samples = true,
        .user_column = input->user_column,
        .item_column = input->item_column,
        .rating_column = input->rating_column,
    };
    struct cps_dataset_sources sources = {
        .ratings = {.path = "r.csv",
                    .data = input->ratings,
                    .size = input->size ? input->size : strlen(input->ratings)},
        .title_delimiter = input->title_delimiter ? input->title_delimiter : &cps_delimiter_comma,
    };
    if (input->titles)
        sources.titles =
            (struct cps_source){.path = "m.csv", .data = input->titles, .size = strlen(input->titles)};
    /* Exactly as long as it is, so that a sanitizer sees any step beyond the end. */
    char *copy = malloc(sources.ratings.size);
    memcpy(copy, input->ratings, sources.ratings.size);
    sources.ratings.data = copy;
    enum cps_status status = cps_dataset_build(&request, &sources, out);
    free(copy);
    return status;
}

/* The samples as "user,movie,rating;" in the order of the file. */
static void describe(const struct cps_dataset *data, struct cps_text *out)
{
    for (uint64_t i = 0; i < data->train.count; i++) {
        uint64_t user_length, movie_length;
        const char *user = cps_vocabulary_name(&data->users, data->train.user[i], &user_length);
        const char *movie = cps_vocabulary_name(&data->movies, data->train.movie[i], &movie_length);
        assert_true(data->train.index[i] < data->train_count);
        assert_int_equal(cps_text_add(out, "%.*s,%.*s,%g;", (int)user_length, user, (int)movie_length, movie,
                                      (double)data->train.rating[i]),
                         CPS_OK);
    }
}

/* valid_pct 0 shuffles nothing but the index, so the order is the file's. */
static void check_samples(const char *name, const struct input *input, const char *want)
{
    struct cps_dataset data;
    struct cps_text got = {0};
    if (build(input, &data) != CPS_OK)
        fail_msg("%s: %s", name, cps_error_text());
    describe(&data, &got);
    if (strcmp(got.data, want) != 0)
        fail_msg("%s: want %s, got %s", name, want, got.data);
    cps_text_release(&got);
    cps_dataset_release(&data);
}

static void every_form_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct input input;
        const char *want;
    } cases[] = {
        {"comma", {.ratings = "1,2,3\n4,5,0.5\n"}, "1,2,3;4,5,0.5;"},
        {"tab", {.ratings = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n"}, "196,242,3;186,302,3;"},
        {"double colon", {.ratings = "1::1193::5::978300760\n1::661::3.5::978302109\n"}, "1,1193,5;1,661,3.5;"},
        {"semicolon", {.ratings = "1;2;3\n4;5;6\n"}, "1,2,3;4,5,6;"},
        {"blanks", {.ratings = " 1  2 3\n4 5\t6  \n"}, "1,2,3;4,5,6;"},
        {"header", {.ratings = "userId,movieId,rating,timestamp\n1,2,3,4\n"}, "1,2,3;"},
        {"header in another order", {.ratings = "rating,when,movie_id,USER_ID\n3,x,2,1\n"}, "1,2,3;"},
        {"header of other words", {.ratings = "who,what,how much\n1,2,3\n"}, "1,2,3;"},
        {"quoted header", {.ratings = "\"user\",\"item\",\"rating\"\n\"1\",\"2\",\"3\"\n"}, "1,2,3;"},
        {"crlf", {.ratings = "user,item,rating\r\n1,2,3\r\n4,5,6\r\n"}, "1,2,3;4,5,6;"},
        {"byte order mark", {.ratings = "\xEF\xBB\xBFuser,item,rating\n1,2,3\n"}, "1,2,3;"},
        {"byte order mark alone",
         {.ratings = "\xEF\xBB\xBF"
                     "1,2,3\n"},
         "1,2,3;"},
        {"no last newline", {.ratings = "1,2,3\n4,5,6"}, "1,2,3;4,5,6;"},
        {"no newline at all", {.ratings = "1,2,3"}, "1,2,3;"},
        {"blank lines", {.ratings = "\n\r\n  \n1,2,3\n\n \t \n4,5,6\n\n\n"}, "1,2,3;4,5,6;"},
        {"trailing delimiter", {.ratings = "1,2,3,\n4,5,6,\n"}, "1,2,3;4,5,6;"},
        {"more columns", {.ratings = "1,2,3,x\n4,5,6,\"open\n"}, "1,2,3;4,5,6;"},
        {"string ids",
         {.ratings = "user,item,rating\nann,a b,3\nbob,\xC3\xA9t\xC3\xA9,4\n"},
         "ann,a b,3;bob,\xC3\xA9t\xC3\xA9,4;"},
        {"mixed ids", {.ratings = "1,x,3\nann,2,4\n01,2,5\n"}, "1,x,3;ann,2,4;01,2,5;"},
        {"quoted ids", {.ratings = "\"a, \"\"b\"\"\",x,3\ny,\"z\",4\n"}, "a, \"b\",x,3;y,z,4;"},
        {"blanks around fields", {.ratings = "1, 2 , 3.5\n4 ,\t5,6\n"}, "1,2,3.5;4,5,6;"},
        {"signs and exponents",
         {.ratings = "1,2,-3\n1,2,+3\n1,2,3e0\n1,2,3.\n1,2,.5\n"},
         "1,2,-3;1,2,3;1,2,3;1,2,3;1,2,0.5;"},
        {"large ids",
         {.ratings = "18446744073709551615,18446744073709551616,3\n9999999999999999999,1,2\n"},
         "18446744073709551615,18446744073709551616,3;9999999999999999999,1,2;"},
        {"repeated pairs", {.ratings = "1,2,3\n1,2,3\n1,2,4\n"}, "1,2,3;1,2,3;1,2,4;"},
        {"columns by name",
         {.ratings = "a,b,c,d\n9,3,2,1\n", .user_column = "d", .item_column = "c", .rating_column = "B"},
         "1,2,3;"},
        {"columns by position",
         {.ratings = "9,3,2,1\n", .user_column = "4", .item_column = "3", .rating_column = "2"},
         "1,2,3;"},
        {"one column by position", {.ratings = "3,1,2\n", .rating_column = "1"}, "1,2,3;"},
        {"one column by name", {.ratings = "user,artist,rating\n1,2,3\n", .item_column = "artist"}, "1,2,3;"},
        {"a column skipped",
         {.ratings = "1,x y,2,3\n4,\"q,\",5,6\n", .item_column = "3", .rating_column = "4"},
         "1,2,3;4,5,6;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_samples(cases[i].name, &cases[i].input, cases[i].want);
}

/* A file of that many lines is too long for a test, so the reader is told that it has read one. */
static void no_more_ratings_are_read_than_can_be_numbered(void **state)
{
    (void)state;
    static const char *const files[] = {"1,1,3\n2,1,4\n3,1,5\n", "a,x,3\nb,x,4\nc,x,5\n"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const struct cps_source source = {.path = "r.csv", .data = files[i], .size = strlen(files[i])};
        const struct cps_column_request request = {.name = {NULL}};
        const struct cps_ratings_share all = {.index = 0, .count = 1};
        struct cps_rating_list into = {.count = CPS_RATINGS_MAX};
        struct cps_intake intake;
        char columns[CPS_COLUMNS_TEXT_BYTES];
        bool spans_lines;
        cps_intake_init(&intake, NULL, 0);
        assert_int_equal(cps_ratings_read(&source, &request, all, &intake, &into, columns, &spans_lines),
                         CPS_ERR_DATA);
        assert_non_null(strstr(cps_error_text(), "more than 4294967295 ratings"));
        cps_intake_release(&intake);
    }
}

static void titles_take_the_place_of_ids(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct input input;
        const char *want;
    } cases[] = {
        {"csv",
         {.ratings = "1,20,3\n1,3,4\n",
          .titles = "movieId,title,genres\n3,\"Postman, The (1997)\",Drama\n20,\"\"\"A\"\" (1995)\",x\n"},
         "1,\"A\" (1995),3;1,Postman, The (1997),4;"},
        {"two ids of a title",
         {.ratings = "1,2,3\n1,10,4\n", .titles = "movieId,title\n10,Same\n2,Same\n5,Unrated\n"},
         "1,Same,3;1,Same,4;"},
        {"double colon",
         {.ratings = "1::2::3\n",
          .titles = "2::Am\xE9lie: a::Comedy\r\n",
          .title_delimiter = &cps_delimiter_double_colon},
         "1,Am\xC3\xA9lie: a,3;"},
        {"utf-8 in movies.dat",
         {.ratings = "1::2::3\n",
          .titles = "2::Am\xC3\xA9lie::x",
          .title_delimiter = &cps_delimiter_double_colon},
         "1,Am\xC3\xA9lie,3;"},
        {"bar",
         {.ratings = "1\t2\t3\n", .titles = "2|T'est|01-Jan|\n", .title_delimiter = &cps_delimiter_bar},
         "1,T'est,3;"},
        {"the same line twice", {.ratings = "1,2,3\n", .titles = "2,A\n2,A\n\n"}, "1,A,3;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_samples(cases[i].name, &cases[i].input, cases[i].want);
}

static void rows_tell_ids_and_title(void **state)
{
    (void)state;
    static const struct input input = {.ratings = "1,2,3\n1,10,4\n1,7,4\n",
                                       .titles = "movieId,title\n10,Same\n2,Same\n7,Other\n5,Unrated\n"};
    static const char *const want[][2] = {{"#na#", "#na#"}, {"7", "Other"}, {"2|10", "Same"}};
    struct cps_dataset data;
    assert_int_equal(build(&input, &data), CPS_OK);
    assert_int_equal(data.movies.rows, 3);
    for (uint32_t row = 0; row < 3; row++) {
        uint64_t length;
        const char *ids = cps_dataset_movie_ids(&data, row, &length);
        assert_int_equal(length, strlen(want[row][0]));
        assert_memory_equal(ids, want[row][0], length);
        const char *title = cps_dataset_movie_title(&data, row, &length);
        assert_int_equal(length, strlen(want[row][1]));
        assert_memory_equal(title, want[row][1], length);
    }
    cps_dataset_release(&data);
}

static void bad_input_is_refused_in_a_line(void **state)
{
    (void)state;
    static const struct {
        struct input input;
        const char *want;
    } cases[] = {
        {{.ratings = "\n \n"}, "'r.csv' holds nothing but blank lines"},
        {{.ratings = "userId,movieId,rating\n"}, "'r.csv' holds no ratings, only a header"},
        {{.ratings = "userId,movieId,rating"}, "'r.csv' holds no ratings, only a header"},
        {{.ratings = "1\n2\n"}, "r.csv:1: no user, item and rating in '1'"},
        {{.ratings = "1,2\n3,4\n"}, "r.csv:1: no user, item and rating in '1,2'"},
        {{.ratings = "1,2,3\n\n4,5\n"}, "r.csv:3: the line ends before a rating"},
        {{.ratings = "1,2,3\n4\n"}, "r.csv:2: the line ends before an item"},
        {{.ratings = "1,2,3\n4,5,\n"}, "r.csv:2: empty rating"},
        {{.ratings = "1,2,3\n,5,4\n"}, "r.csv:2: empty user id"},
        {{.ratings = "1,2,3\n4, ,4\n"}, "r.csv:2: empty item id"},
        {{.ratings = "1,2,3\n4,5,x\n"}, "r.csv:2: rating 'x' is not a number"},
        {{.ratings = "1,2,x\n"}, "r.csv:1: rating 'x' is not a number"},
        {{.ratings = "1,2,3\r\n4,5,nan\r\n"}, "r.csv:2: rating 'nan' is not finite"},
        {{.ratings = "1,2,inf\n"}, "r.csv:1: rating 'inf' is not finite"},
        {{.ratings = "1,2,1e40\n"}, "r.csv:1: rating '1e40' is not finite"},
        {{.ratings = "1;2;3,5\n"}, "r.csv:1: rating '3,5' is not a number"},
        {{.ratings = "1,2,3\r4,5,6\n"}, "r.csv:1: rating '3?4' is not a number"},
        {{.ratings = "a,\"b,3\nc,d,4\n"}, "r.csv:1: no user, item and rating in 'a,\"b,3'"},
        {{.ratings = "1,2,3\na,\"b,3\nc,d,4\n"}, "r.csv:2: a quote is not closed on its line"},
        {{.ratings = "1,2,3\n\"a\"b,1,3\n"}, "r.csv:2: text after a closing quote"},
        {{.ratings = "1,2,3\n1,2,\xFFx\n"}, "r.csv:2: rating '?x' is not a number"},
        {{.ratings = "1,2,3\nx\xE9,2,3\n"}, "r.csv:2: user id 'x?' is not UTF-8"},
        {{.ratings = "1,2,3\n1,a\x01z,3\n"}, "r.csv:2: control character in item id 'a?z'"},
        {{.ratings = "1,2,3\n1,2\0,3\n", .size = 13}, "r.csv:2: a NUL byte, so this is not a text file"},
        {{.ratings = "user,artist,rating\n1,2,3\n"}, "r.csv:1: no column of the header looks like an item"},
        {{.ratings = "1,2,3\n", .item_column = "movie"}, "r.csv:1: no header to find 'movie' in"},
        {{.ratings = "user,item,rating\n1,2,3\n", .item_column = "movie"},
         "r.csv:1: no column is named 'movie'"},
        {{.ratings = "1,2,3\n", .item_column = "4"}, "r.csv:1: 3 columns, but an item is wanted from column 4"},
        {{.ratings = "1,2,3\n", .item_column = "0"}, "--item-column '0' is not a position between 1 and 64"},
        {{.ratings = "1,2,3\n", .item_column = "1", .user_column = "1"},
         "column 1 of 'r.csv' cannot be both a user and an item"},
        {{.ratings = "1,2,3\n1,4,3\n", .titles = "2,A\n3,B\n"}, "r.csv:2: item '4' has no title"},
        {{.ratings = "1,2,3\n1,x,3\n", .titles = "2,A\n"}, "r.csv:2: item 'x' has no title"},
        {{.ratings = "1,2,3\n", .titles = "2,A\n2,B\n"}, "m.csv:2: item '2' has another title further up"},
        {{.ratings = "1,2,3\n", .titles = "2,A\n3\n"}, "m.csv:2: the line ends before a title"},
        {{.ratings = "1,2,3\n", .titles = "2,A\n3,\n"}, "m.csv:2: empty title"},
        {{.ratings = "1,2,3\n", .titles = "2,A\n,B\n"}, "m.csv:2: empty item id"},
        {{.ratings = "1,2,3\n", .titles = "2,\"A\n"}, "m.csv:1: a quote is not closed on its line"},
        {{.ratings = "1,2,3\n", .titles = "movieId,title\n"}, "'m.csv' holds no titles"},
        {{.ratings = "1,2,3\n", .titles = ""}, "'m.csv' is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_dataset data;
        enum cps_status status = build(&cases[i].input, &data);
        if (status == CPS_OK)
            fail_msg("read without complaint: %s", cases[i].input.ratings);
        assert_true(status == CPS_ERR_DATA || status == CPS_ERR_USAGE);
        assert_string_equal(cps_error_text(), cases[i].want);
        assert_null(data.users.text);
    }
}

static void an_id_may_be_long_but_not_huge(void **state)
{
    (void)state;
    for (size_t length = 4096; length <= 4097; length++) {
        struct cps_text text = {0};
        assert_int_equal(cps_text_add(&text, "u,i,r\n1,"), CPS_OK);
        for (size_t i = 0; i < length; i++)
            assert_int_equal(cps_text_add_bytes(&text, "x", 1), CPS_OK);
        assert_int_equal(cps_text_add(&text, ",3\n"), CPS_OK);
        struct cps_dataset data;
        struct input input = {.ratings = text.data};
        enum cps_status status = build(&input, &data);
        if (length == 4096)
            assert_int_equal(status, CPS_OK);
        else
            assert_string_equal(cps_error_text(), "r.csv:2: item id of 4097 bytes, at most 4096 are allowed");
        cps_dataset_release(&data);
        cps_text_release(&text);
    }
}

/* A lone quote, delimiter or letter anywhere must not make the reader step outside. */
static void every_cut_of_a_file_is_survived(void **state)
{
    (void)state;
    static const char whole[] = "user,item,rating\r\n1,\"a, \"\"b\"\"\",3.5\r\n22,c,4\n\"x\",7,1e0,\"y\n";
    for (size_t size = 1; size < sizeof whole; size++) {
        struct cps_dataset data;
        struct input input = {.ratings = whole, .size = size};
        build(&input, &data);
        cps_dataset_release(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(no_more_ratings_are_read_than_can_be_numbered),
        cmocka_unit_test(titles_take_the_place_of_ids),
        cmocka_unit_test(rows_tell_ids_and_title),
        cmocka_unit_test(bad_input_is_refused_in_a_line),
        cmocka_unit_test(an_id_may_be_long_but_not_huge),
        cmocka_unit_test(every_cut_of_a_file_is_survived),
    };
    return cmocka_run_group_tests_name("data_ratings", tests, NULL, NULL);
}
