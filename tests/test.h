/*
 * test: the few lines that every unit test would otherwise repeat around cmocka.
 *
 *   TEST(the_last_piece_may_be_short) { ... assert_int_equal(...); }
 *   int main(void) { RUN(T(the_last_piece_may_be_short)); }
 *
 * A test is named by the sentence it proves, so that the list of a failing program reads as the
 * list of what is no longer true.
 */
#ifndef WEFT_TESTS_TEST_H
#define WEFT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state __attribute__((unused)))
#define T(name) cmocka_unit_test(name)
#define RUN(...) \
  do { \
    const struct CMUnitTest tests_[] = {__VA_ARGS__}; \
    return cmocka_run_group_tests(tests_, NULL, NULL); \
  } while (0)

#endif
