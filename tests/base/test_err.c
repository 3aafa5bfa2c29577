/*
 * The set of errors: base/err.
 */
#include "../test.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

TEST(every_error_has_a_name_of_its_own) {
  for (int a = 0; a < ERR_COUNT; a++) {
    assert_non_null(err_name((enum err)a));
    for (int b = 0; b < a; b++)
      assert_string_not_equal(err_name((enum err)a), err_name((enum err)b));
  }
}

TEST(any_value_has_a_name) {
  assert_string_equal(err_name(ERR_COUNT), "unknown error");
  assert_string_equal(err_name((enum err)-1), "unknown error");
}

TEST(system_errors_are_sorted_by_what_to_do_about_them) {
  static const struct {
    int errnum;
    enum err want;
  } row[] = {{ENOSPC, ERR_SPACE},   {EDQUOT, ERR_SPACE},  {EFBIG, ERR_SPACE},
             {EACCES, ERR_ACCESS},  {EPERM, ERR_ACCESS},  {EROFS, ERR_ACCESS},
             {ENOENT, ERR_NOT_FOUND}, {EEXIST, ERR_EXISTS}, {ENOMEM, ERR_MEMORY},
             {EMFILE, ERR_MEMORY},  {ENFILE, ERR_MEMORY}, {EAGAIN, ERR_MEMORY},
             {EIO, ERR_IO},         {0, ERR_IO},          {-1, ERR_IO}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    assert_int_equal(err_from_errno(row[i].errnum), row[i].want);
}

TEST(no_system_error_is_success) {
  for (int e = -1; e < 200; e++) assert_int_not_equal(err_from_errno(e), ERR_OK);
}

int main(void) {
  RUN(T(every_error_has_a_name_of_its_own), T(any_value_has_a_name),
      T(system_errors_are_sorted_by_what_to_do_about_them), T(no_system_error_is_success));
}
