/*
 * tracing: the tracer that the options ask for.
 *
 * Every command that talks to others takes the same four options, OPTIONS_OF_TRACE: --trace with
 * its format, and where to, which peers, which types, each of which asks for a trace as well. main
 * begins it before the command runs and ends it afterwards; the command hands o->trace to whatever
 * talks (swarm, trackers, solo). A command whose table has not got the options never has a tracer.
 *
 * The trace shares stderr with everything else that weft says, unless it has a file of its own. So
 * there is no progress while it goes to stderr, and with JSON, which others shall read line by
 * line, nothing but errors beside it.
 */
#ifndef WEFT_APP_TRACING_H
#define WEFT_APP_TRACING_H

#include "app/command.h"
#include "app/options.h"

extern const char *const tracing_formats[]; /* as enum trace_format */

/* For the tables of commands, before OPTIONS_OF_ALL. */
#define OPTIONS_OF_TRACE \
  {.name = "trace", .kind = OPTION_MAYBE, OPTION_FIELD(trace_format), .takes = "text|json|hex", \
   .choices = tracing_formats, \
   .help = "show every message, sent and received, on\nstandard error; hex: with its bytes"}, \
  {.name = "trace-file", .kind = OPTION_TEXT, OPTION_FIELD(trace_file), .takes = "FILE", \
   .help = "write the trace to FILE instead, and replace it"}, \
  {.name = "trace-peer", .kind = OPTION_LIST, OPTION_FIELD(trace_peers), .takes = "IP[:PORT]", \
   .help = "trace only this peer; up to 64 times"}, \
  {.name = "trace-type", .kind = OPTION_LIST, OPTION_FIELD(trace_types), .takes = "NAME,...", \
   .help = "trace only these: request, piece, have-all ...,\nhandshake, tracker, connection"}

/* Begins what `o` asks for: o->trace is set then, and o->quiet where the trace wants to be alone.
 * Returns EXIT_OK; or, told, EXIT_USAGE, EXIT_DISK (the file), EXIT_RESOURCES. */
int tracing_start(struct options *o);
/* Does the trace go to stderr? Then nothing is drawn there. */
bool tracing_is_on_stderr(const struct options *o);
/* Ends it, after all that talk. */
void tracing_end(struct options *o);

#endif
