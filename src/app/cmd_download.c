/*
 * weft download: the main job, and what `weft TORRENT` does.
 *
 * Only the frame is here: load the torrent, open the report, hand both to the session. With --json
 * a reader gets "hello" first and "done" last even when the torrent can't be loaded. Signals keep
 * their usual effect until the torrent is there (Ctrl-C simply ends us); then the session takes
 * them over, before any thread of ours exists.
 */
#include "app/cmd.h"

#include "app/report.h"
#include "app/signals.h"
#include "app/torrent.h"
#include "base/log.h"

int cmd_download(const struct options *o) {
  struct metainfo m;
  struct report *r = report_new(o);
  if (r == NULL) {
    log_error("there is not enough memory to begin");
    return EXIT_RESOURCES;
  }
  int code = torrent_load(&m, o->args[0], o->timeout_ms);
  if (code == EXIT_OK) {
    signals_block();
    code = session_run(o, &m, r);
    metainfo_free(&m);
  } else {
    report_done(r, NULL, code, NULL);
  }
  report_free(r);
  return code;
}
