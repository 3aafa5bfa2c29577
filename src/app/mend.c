#include "app/mend.h"

#include <string.h>

#include "app/foreign.h"
#include "base/escape.h"
#include "io/resume.h"
#include "io/store_record.h"

static void put_escaped(struct buf *b, const char *text) {
  char safe[4096];
  escape_term(text, strlen(text), safe, sizeof safe);
  buf_put_str(b, safe);
}

/* The name of the record that resume_load() found. */
static const char *record_name(const struct store *s, const struct metainfo *m) {
  const char *usual = store_record_name(s);
  return store_record_look(store_dirfd(s), usual, m->info_hash) == STORE_RECORD_OURS
             ? usual
             : store_record_spare(s);
}

/* Does the record claim a piece that is not good? */
static bool claims_bad(const struct bitset *claimed, const struct bitset *good) {
  for (size_t p = bitset_next(claimed, 0); p < claimed->bits; p = bitset_next(claimed, p + 1))
    if (!bitset_get(good, p)) return true;
  return false;
}

static void put_foreign(struct buf *b, struct store *s, const struct foreign *f) {
  buf_put_str(b, "'weft download' will change nothing as long as ");
  put_escaped(b, store_file_path(s, f->file));
  buf_printf(b, " is as it is: %s. Move it away%s.", f->what,
             f->replaceable ? ", or replace it with --overwrite" : "");
}

static void put_believed(struct buf *b, struct store *s, const struct metainfo *m) {
  buf_put_str(b, "The files look untouched, so 'weft download' would believe its resume record: "
                 "remove ");
  put_escaped(b, record_name(s, m));
  buf_put_str(b, " beside ");
  put_escaped(b, store_top_path(s));
  buf_put_str(b, ", and it will check and mend everything.");
}

void mend_advise(struct store *s, const struct metainfo *m, const struct bitset *good,
                 struct buf *b) {
  struct bitset claimed;
  struct resume_state record;
  struct foreign f;
  if (!bitset_init(&claimed, m->geo.pieces)) return;
  if (resume_load(s, m, &claimed, &record) == ERR_OK && foreign_find(s, m, good, &f) == ERR_OK) {
    if (f.file < m->file_count) put_foreign(b, s, &f);
    else if (record.exact && claims_bad(&claimed, good)) put_believed(b, s, m);
    else buf_put_str(b, "'weft download' with the same arguments mends that.");
  }
  bitset_free(&claimed);
}
