/*
 * http_setup: what every test program that makes HTTP requests does first.
 *
 *   int main(void) {
 *     if (!http_setup()) return 1;
 *     RUN(...);
 *   }
 *
 * A proxy that the user's environment names would take the requests meant for the test's own
 * server, and a server that hangs up would end the program.
 */
#ifndef WEFT_TESTS_HTTP_SETUP_H
#define WEFT_TESTS_HTTP_SETUP_H

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "io/http.h"

/* False: io/http does not start. */
static inline bool http_setup(void) {
  static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) unsetenv(proxies[i]);
  signal(SIGPIPE, SIG_IGN);
  return http_global_init() == ERR_OK;
}

#endif
