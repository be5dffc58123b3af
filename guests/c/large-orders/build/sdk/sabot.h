/* Write Sabot operators in C: one header, no C library.
 *
 * Define SABOT_FILTER or SABOT_MAP before the header is included, in the one .c file of the component, and then:
 *
 *     const sabot_component sabot_this     what the component is
 *     sabot_bind(config)                   NULL, or what is wrong with the configuration
 *     sabot_select(batch, row, refuse)     a filter: whether the row is kept
 *     sabot_map(batch, row, out, refuse)   a map: puts one cell into each output column
 *
 * A row is refused by filling `refuse->code`; the other rows go on. Everything below "the canonical ABI" is how a
 * component talks to its host: it follows wit/ by hand, because a generator and its runtime would be larger than
 * the component. Column types: int64, int32, float64, bool, string and timestamp in milliseconds.
 */
#ifndef SABOT_H
#define SABOT_H

#if defined(SABOT_FILTER) == defined(SABOT_MAP)
#error "define SABOT_FILTER or SABOT_MAP before sabot.h is included"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- What a component says and sees ------------------------------------------------------------------------- */

typedef enum { SABOT_INT64, SABOT_INT32, SABOT_FLOAT64, SABOT_BOOL, SABOT_STRING, SABOT_TIMESTAMP_MS } sabot_type;

/* Bytes that somebody else owns; text is UTF-8 and has no zero at its end. */
typedef struct { const char *bytes; size_t length; } sabot_text;

typedef struct { const char *name; sabot_type type; bool nullable; } sabot_field;

/* At most SABOT_MAX_COLUMNS columns in and out. */
enum { SABOT_MAX_COLUMNS = 32 };

typedef struct {
    const char *name;
    const char *version;               /* semantic versioning */
    const sabot_field *inputs;         /* the columns it is sent */
    size_t input_count;
    const sabot_field *outputs;        /* a map: the columns it emits */
    size_t output_count;
    bool extends;                      /* a map: the emitted columns are added to the input row */
    const char *config_schema;         /* JSON Schema, or NULL */
} sabot_component;

/* Why a row is refused. */
typedef struct { const char *code; const char *message; bool retryable; } sabot_refusal;

typedef struct sabot_batch sabot_batch;
typedef struct sabot_output sabot_output;

/* To be defined by the component. The bytes of `config` (JSON) stay where they are. */
extern const sabot_component sabot_this;
const char *sabot_bind(sabot_text config);
#ifdef SABOT_FILTER
bool sabot_select(const sabot_batch *batch, size_t row, sabot_refusal *refuse);
#else
void sabot_map(const sabot_batch *batch, size_t row, sabot_output *out, sabot_refusal *refuse);
#endif

typedef enum { SABOT_DEBUG, SABOT_INFO, SABOT_WARN, SABOT_ERROR } sabot_level;

/* ---- Memory ------------------------------------------------------------------------------------------------- */

/* What is allocated in a call lives until the next call; what is allocated in `sabot_bind` lives for ever. */

extern unsigned char __heap_base;
static size_t sabot_floor, sabot_top;
static bool sabot_call_is_over;

_Noreturn static void sabot_trap(void) { __builtin_trap(); }

static void *sabot_allocate(size_t size) {
    if (sabot_top == 0) sabot_floor = sabot_top = ((size_t)&__heap_base + 15) & ~(size_t)15;
    if (sabot_call_is_over) {
        sabot_top = sabot_floor;
        sabot_call_is_over = false;
    }
    size_t at = sabot_top;
    if (size > SIZE_MAX - 15 - at) sabot_trap();
    size_t end = (at + size + 15) & ~(size_t)15;
    size_t have = __builtin_wasm_memory_size(0) << 16;
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + 0xffff) >> 16) == (size_t)-1) sabot_trap();
    sabot_top = end;
    return (void *)at;
}

static size_t sabot_length(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

static void sabot_copy(void *to, const void *from, size_t count) {
    if (count) __builtin_memcpy(to, from, count);
}

/* ---- Logs and counters -------------------------------------------------------------------------------------- */

__attribute__((import_module("sabot:operator/telemetry@0.1.0"), import_name("log")))
void sabot_import_log(uint32_t level, const char *text, size_t length);
__attribute__((import_module("sabot:operator/telemetry@0.1.0"), import_name("counter")))
void sabot_import_counter(const char *name, size_t length, uint64_t add);

static inline void sabot_log(sabot_level level, const char *text) {
    sabot_import_log((uint32_t)level, text, sabot_length(text));
}

static inline void sabot_count(const char *name, uint64_t add) {
    sabot_import_counter(name, sabot_length(name), add);
}

/* The text goes to the log, from where the host attaches it to the trap. */
_Noreturn static void sabot_panic(const char *text) {
    sabot_log(SABOT_ERROR, text);
    sabot_trap();
}

/* ---- Configuration ------------------------------------------------------------------------------------------ */

/* The number under a key of a flat JSON object, or `otherwise`. */
static inline double sabot_config_number(sabot_text json, const char *key, double otherwise) {
    size_t width = sabot_length(key);
    for (size_t at = 0; at + width + 2 < json.length; at++) {
        if (json.bytes[at] != '"' || json.bytes[at + width + 1] != '"') continue;
        size_t same = 0;
        while (same < width && json.bytes[at + 1 + same] == key[same]) same++;
        if (same < width) continue;
        at += width + 2;
        while (at < json.length && (json.bytes[at] == ' ' || json.bytes[at] == ':')) at++;
        bool negative = at < json.length && json.bytes[at] == '-';
        double value = 0, scale = 1;
        bool fraction = false, any = false;
        for (at += negative; at < json.length; at++) {
            char c = json.bytes[at];
            if (c == '.' && !fraction) { fraction = true; continue; }
            if (c < '0' || c > '9') break;
            any = true;
            value = value * 10 + (c - '0');
            if (fraction) scale *= 10;
        }
        if (any) return (negative ? -value : value) / scale;
    }
    return otherwise;
}

/* ---- Reading a batch ---------------------------------------------------------------------------------------- */

typedef struct { const uint8_t *valid, *values, *data; size_t data_length; } sabot_column;

struct sabot_batch { size_t rows; sabot_column columns[SABOT_MAX_COLUMNS]; };

static inline bool sabot_bit(const uint8_t *bits, size_t at) { return bits[at / 8] >> (at % 8) & 1; }

static inline bool sabot_is_null(const sabot_batch *batch, size_t column, size_t row) {
    const uint8_t *valid = batch->columns[column].valid;
    return valid && !sabot_bit(valid, row);
}

#define SABOT_READER(name, c_type)                                                                   \
    static inline c_type name(const sabot_batch *batch, size_t column, size_t row) {                 \
        c_type cell;                                                                                 \
        __builtin_memcpy(&cell, batch->columns[column].values + row * sizeof cell, sizeof cell);     \
        return cell;                                                                                 \
    }
SABOT_READER(sabot_int64, int64_t)
SABOT_READER(sabot_int32, int32_t)
SABOT_READER(sabot_float64, double)
SABOT_READER(sabot_timestamp_ms, int64_t)

static inline bool sabot_bool(const sabot_batch *batch, size_t column, size_t row) {
    return sabot_bit(batch->columns[column].values, row);
}

static inline sabot_text sabot_string(const sabot_batch *batch, size_t column, size_t row) {
    const sabot_column *c = &batch->columns[column];
    uint32_t ends[2];
    __builtin_memcpy(ends, c->values + row * 4, 8);
    if (ends[0] > ends[1] || ends[1] > c->data_length) sabot_panic("a string lies outside of its column");
    return (sabot_text){(const char *)c->data + ends[0], ends[1] - ends[0]};
}

/* ---- The metadata of messages: as much of the flatbuffer format as it takes ---------------------------------- */

typedef struct { const uint8_t *bytes; size_t length; } sabot_view;

static uint64_t sabot_number(sabot_view v, size_t at, size_t width) {
    if (at > v.length || width > v.length - at) sabot_panic("the metadata of a message refers outside of itself");
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) value |= (uint64_t)v.bytes[at + i] << (8 * i);
    return value;
}

/* Where the field of a table is, or 0. */
static size_t sabot_slot(sabot_view v, size_t table, size_t slot) {
    size_t vtable = table - (size_t)(int32_t)sabot_number(v, table, 4);
    size_t entry = 4 + 2 * slot;
    if (entry + 2 > sabot_number(v, vtable, 2)) return 0;
    size_t offset = (size_t)sabot_number(v, vtable + entry, 2);
    return offset ? table + offset : 0;
}

static size_t sabot_follow(sabot_view v, size_t at) { return at + (size_t)sabot_number(v, at, 4); }

static size_t sabot_width(sabot_type type) {
    return type == SABOT_INT32 ? 4 : 8;
}

static size_t sabot_bitmap_length(size_t rows) { return (rows + 7) / 8; }

/* The next buffer of the batch, which must have `least` bytes. */
static sabot_view sabot_buffer(sabot_view message, size_t body, sabot_view metadata, size_t *at, size_t least) {
    uint64_t offset = sabot_number(metadata, *at, 8), length = sabot_number(metadata, *at + 8, 8);
    *at += 16;
    size_t room = message.length - body;
    if (offset > room || length > room - offset || length < least) sabot_panic("a buffer lies outside of its batch");
    return (sabot_view){message.bytes + body + (size_t)offset, (size_t)length};
}

static void sabot_read(sabot_batch *batch, const uint8_t *bytes, size_t length) {
    sabot_view message = {bytes, length};
    size_t body = 8 + (size_t)sabot_number(message, 4, 4);
    if (body > length) sabot_panic("a message is cut short");
    sabot_view metadata = {bytes + 8, body - 8};
    size_t root = sabot_follow(metadata, 0), header = sabot_slot(metadata, root, 2);
    if (sabot_number(metadata, sabot_slot(metadata, root, 1), 1) != 3 || !header) {
        sabot_panic("a message is no record batch");
    }
    header = sabot_follow(metadata, header);
    size_t rows = sabot_slot(metadata, header, 0);
    batch->rows = rows ? (size_t)sabot_number(metadata, rows, 8) : 0;
    size_t node = sabot_follow(metadata, sabot_slot(metadata, header, 1)) + 4;
    size_t buffer = sabot_follow(metadata, sabot_slot(metadata, header, 2)) + 4;
    for (size_t i = 0; i < sabot_this.input_count; i++, node += 16) {
        sabot_column *column = &batch->columns[i];
        sabot_type type = sabot_this.inputs[i].type;
        bool nulls = sabot_number(metadata, node + 8, 8) != 0;
        size_t bits = sabot_bitmap_length(batch->rows);
        sabot_view valid = sabot_buffer(message, body, metadata, &buffer, nulls ? bits : 0);
        column->valid = nulls ? valid.bytes : NULL;
        size_t least = type == SABOT_BOOL ? bits
            : type == SABOT_STRING ? (batch->rows ? (batch->rows + 1) * 4 : 0) : batch->rows * sabot_width(type);
        column->values = sabot_buffer(message, body, metadata, &buffer, least).bytes;
        if (type == SABOT_STRING) {
            sabot_view data = sabot_buffer(message, body, metadata, &buffer, 0);
            column->data = data.bytes;
            column->data_length = data.length;
        }
    }
}

/* Written front to back: a table before what it refers to, each reference filled in when its target is placed. */
typedef struct { uint8_t *bytes; size_t length; } sabot_writer;

static void sabot_put(sabot_writer *w, size_t at, uint64_t value, size_t width) {
    for (size_t i = 0; i < width; i++) w->bytes[at + i] = (uint8_t)(value >> (8 * i));
}

static void sabot_align(sabot_writer *w, size_t to, size_t ahead) {
    while ((w->length + ahead) % to) w->bytes[w->length++] = 0;
}

/* Writes a table whose slots have those widths (0: absent), lets `from` point to it, answers where its slots are. */
static void sabot_table(sabot_writer *w, size_t from, size_t count, const uint8_t *widths, size_t *slots) {
    size_t vtable_length = 4 + 2 * count, size = 4;
    sabot_align(w, 8, vtable_length);
    size_t vtable = w->length, table = vtable + vtable_length;
    for (size_t i = 0; i < count; i++) slots[i] = 0;
    for (size_t width = 8; width; width /= 2) {
        for (size_t i = 0; i < count; i++) {
            if (widths[i] != width) continue;
            size = (size + width - 1) / width * width;
            slots[i] = size;
            size += width;
        }
    }
    w->length = table + size;
    __builtin_memset(w->bytes + vtable, 0, w->length - vtable);
    sabot_put(w, vtable, vtable_length, 2);
    sabot_put(w, vtable + 2, size, 2);
    for (size_t i = 0; i < count; i++) {
        sabot_put(w, vtable + 4 + 2 * i, slots[i], 2);
        slots[i] += table;
    }
    sabot_put(w, table, vtable_length, 4);
    sabot_put(w, from, table - from, 4);
}

/* Writes a vector of zeroes, lets `from` point to it, answers where its first element is. */
static size_t sabot_vector(sabot_writer *w, size_t from, size_t count, size_t width) {
    sabot_align(w, width == 16 ? 8 : 4, 4);
    size_t at = w->length;
    sabot_put(w, at, count, 4);
    sabot_put(w, from, at - from, 4);
    w->length += 4 + count * width;
    __builtin_memset(w->bytes + at + 4, 0, count * width);
    return at + 4;
}

/* The message around finished metadata: `w` starts with 8 bytes for the prefix. */
static void sabot_prefix(sabot_writer *w) {
    sabot_align(w, 8, 0);
    sabot_put(w, 0, 0xffffffff, 4);
    sabot_put(w, 4, w->length - 8, 4);
}

static sabot_view sabot_schema(const sabot_field *fields, size_t count) {
    size_t names = 0;
    for (size_t i = 0; i < count; i++) names += sabot_length(fields[i].name);
    sabot_writer w = {sabot_allocate(256 + 192 * count + names), 12};
    size_t at[6], header[2], from = 8;
    sabot_table(&w, from, 4, (const uint8_t[]){2, 1, 4, 8}, at);
    sabot_put(&w, at[0], 4, 2);                        /* metadata version 5 */
    sabot_put(&w, at[1], 1, 1);                        /* Schema */
    sabot_table(&w, at[2], 2, (const uint8_t[]){2, 4}, header);
    size_t first = sabot_vector(&w, header[1], count, 4);
    for (size_t i = 0; i < count; i++) {
        /* The number of each type in Arrow's union of types. */
        static const uint8_t kinds[] = {2, 2, 3, 6, 5, 10};
        sabot_type type = fields[i].type;
        sabot_table(&w, first + 4 * i, 6, (const uint8_t[]){4, 1, 1, 4, 0, 4}, at);
        sabot_put(&w, at[1], fields[i].nullable, 1);
        sabot_put(&w, at[2], kinds[type], 1);
        size_t length = sabot_length(fields[i].name), name = sabot_vector(&w, at[0], length + 1, 1);
        sabot_put(&w, name - 4, length, 4);
        sabot_copy(w.bytes + name, fields[i].name, length);
        size_t detail[2];
        if (type == SABOT_INT64 || type == SABOT_INT32) {
            sabot_table(&w, at[3], 2, (const uint8_t[]){4, 1}, detail);
            sabot_put(&w, detail[0], 8 * sabot_width(type), 4);
            sabot_put(&w, detail[1], 1, 1);            /* signed */
        } else if (type == SABOT_FLOAT64 || type == SABOT_TIMESTAMP_MS) {
            sabot_table(&w, at[3], 1, (const uint8_t[]){2}, detail);
            sabot_put(&w, detail[0], type == SABOT_FLOAT64 ? 2 : 1, 2);    /* double; milliseconds */
        } else {
            sabot_table(&w, at[3], 0, NULL, NULL);
        }
        sabot_vector(&w, at[5], 0, 4);
    }
    sabot_prefix(&w);
    return (sabot_view){w.bytes, w.length};
}

/* ---- Writing a batch ---------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t *valid, *values, *data;
    size_t count, nulls, data_length, data_room;
} sabot_out_column;

struct sabot_output { size_t rows; sabot_out_column columns[SABOT_MAX_COLUMNS]; };

#ifdef SABOT_MAP

static void sabot_begin(sabot_output *out, size_t rows) {
    out->rows = 0;
    for (size_t i = 0; i < sabot_this.output_count; i++) {
        sabot_type type = sabot_this.outputs[i].type;
        size_t bits = sabot_bitmap_length(rows);
        size_t length = type == SABOT_BOOL ? bits : type == SABOT_STRING ? (rows + 1) * 4 : rows * sabot_width(type);
        sabot_out_column *column = &out->columns[i];
        *column = (sabot_out_column){.valid = sabot_allocate(bits), .values = sabot_allocate(length)};
        __builtin_memset(column->values, 0, length);
    }
}

static sabot_out_column *sabot_cell(sabot_output *out, size_t column, bool valid) {
    sabot_out_column *c = &out->columns[column];
    if (column >= sabot_this.output_count || c->count != out->rows) {
        sabot_panic("a row puts one cell into each of its columns");
    }
    uint8_t bit = (uint8_t)(1u << (c->count % 8));
    c->valid[c->count / 8] = (uint8_t)((c->valid[c->count / 8] & ~bit) | (valid ? bit : 0));
    c->nulls += !valid;
    c->count++;
    return c;
}

#define SABOT_PUTTER(name, c_type)                                                                   \
    static inline void name(sabot_output *out, size_t column, c_type value) {                        \
        sabot_out_column *c = sabot_cell(out, column, true);                                         \
        __builtin_memcpy(c->values + (c->count - 1) * sizeof value, &value, sizeof value);           \
    }
SABOT_PUTTER(sabot_put_int64, int64_t)
SABOT_PUTTER(sabot_put_int32, int32_t)
SABOT_PUTTER(sabot_put_float64, double)
SABOT_PUTTER(sabot_put_timestamp_ms, int64_t)

static inline void sabot_put_bool(sabot_output *out, size_t column, bool value) {
    sabot_out_column *c = sabot_cell(out, column, true);
    size_t at = c->count - 1;
    uint8_t bit = (uint8_t)(1u << (at % 8));
    c->values[at / 8] = (uint8_t)((c->values[at / 8] & ~bit) | (value ? bit : 0));
}

static inline void sabot_put_string(sabot_output *out, size_t column, sabot_text value) {
    sabot_out_column *c = sabot_cell(out, column, true);
    if (value.length > c->data_room - c->data_length) {
        c->data_room = 2 * c->data_room + value.length + 256;
        uint8_t *data = sabot_allocate(c->data_room);
        sabot_copy(data, c->data, c->data_length);
        c->data = data;
    }
    sabot_copy(c->data + c->data_length, value.bytes, value.length);
    c->data_length += value.length;
    uint32_t end = (uint32_t)c->data_length;
    __builtin_memcpy(c->values + c->count * 4, &end, 4);
}

static inline void sabot_put_null(sabot_output *out, size_t column) {
    sabot_out_column *c = sabot_cell(out, column, false);
    if (sabot_this.outputs[column].type == SABOT_STRING) {
        uint32_t end = (uint32_t)c->data_length;
        __builtin_memcpy(c->values + c->count * 4, &end, 4);
    }
}

/* Takes back what a refused row has put. */
static void sabot_take_back(sabot_output *out) {
    for (size_t i = 0; i < sabot_this.output_count; i++) {
        sabot_out_column *c = &out->columns[i];
        if (c->count == out->rows) continue;
        c->count = out->rows;
        c->nulls -= !sabot_bit(c->valid, c->count);
        if (sabot_this.outputs[i].type == SABOT_STRING) {
            uint32_t end;
            __builtin_memcpy(&end, c->values + c->count * 4, 4);
            c->data_length = end;
        }
    }
}

__attribute__((import_module("sabot:operator/output@0.1.0"), import_name("emit")))
void sabot_import_emit(uint32_t port, const uint8_t *message, size_t length);

static void sabot_put_buffer(sabot_writer *w, size_t body, size_t *at, const uint8_t *bytes, size_t length) {
    sabot_put(w, *at, w->length - body, 8);
    sabot_put(w, *at + 8, length, 8);
    *at += 16;
    sabot_copy(w->bytes + w->length, bytes, length);
    w->length += length;
    sabot_align(w, 8, 0);
}

static void sabot_emit(sabot_output *out) {
    size_t count = sabot_this.output_count, room = 512 + 64 * count, buffers = 0;
    size_t bits = sabot_bitmap_length(out->rows);
    for (size_t i = 0; i < count; i++) {
        room += bits + (out->rows + 1) * 8 + out->columns[i].data_length + 24;
        buffers += sabot_this.outputs[i].type == SABOT_STRING ? 3 : 2;
    }
    sabot_writer w = {sabot_allocate(room), 12};
    size_t at[4], header[3], from = 8;
    sabot_table(&w, from, 4, (const uint8_t[]){2, 1, 4, 8}, at);
    sabot_put(&w, at[0], 4, 2);                        /* metadata version 5 */
    sabot_put(&w, at[1], 3, 1);                        /* RecordBatch */
    sabot_table(&w, at[2], 3, (const uint8_t[]){8, 4, 4}, header);
    sabot_put(&w, header[0], out->rows, 8);
    size_t node = sabot_vector(&w, header[1], count, 16), buffer = sabot_vector(&w, header[2], buffers, 16);
    sabot_prefix(&w);
    size_t body = w.length;
    for (size_t i = 0; i < count; i++, node += 16) {
        sabot_out_column *c = &out->columns[i];
        sabot_type type = sabot_this.outputs[i].type;
        sabot_put(&w, node, out->rows, 8);
        sabot_put(&w, node + 8, c->nulls, 8);
        sabot_put_buffer(&w, body, &buffer, c->valid, c->nulls ? bits : 0);
        size_t length = type == SABOT_BOOL ? bits
            : type == SABOT_STRING ? (out->rows + 1) * 4 : out->rows * sabot_width(type);
        sabot_put_buffer(&w, body, &buffer, c->values, length);
        if (type == SABOT_STRING) sabot_put_buffer(&w, body, &buffer, c->data, c->data_length);
    }
    sabot_put(&w, at[3], w.length - body, 8);
    sabot_import_emit(0, w.bytes, w.length);
}

#endif

/* ---- The canonical ABI: the functions of wit/ as they lie in memory ------------------------------------------- */

typedef struct { const void *start; size_t length; } sabot_list;

static sabot_list sabot_list_of(const char *text) {
    return (sabot_list){text ? text : "", text ? sabot_length(text) : 0};
}

/* result<list<…>, op-error>, and result<_, op-error>. */
typedef struct {
    uint8_t is_error;
    union {
        sabot_list list;
        struct { uint8_t kind; sabot_list text; } error;
    };
} sabot_result;

enum { SABOT_CONFIG_ERROR };

typedef struct { sabot_list name, schema; } sabot_port;

typedef struct { uint32_t row; sabot_list code, message; uint8_t retryable; } sabot_row_error;

typedef struct {
    sabot_list name, version;
    struct { uint8_t kind; sabot_list typed; } columns;
    uint8_t extends, deterministic;
    sabot_list states, upgrades_from, config_schema, capabilities;
} sabot_manifest;

_Static_assert(sizeof(sabot_result) == 16 && sizeof(sabot_row_error) == 24 && sizeof(sabot_manifest) == 64,
               "records lie in memory as wit/ says");

#define SABOT_EXPORT(name) __attribute__((export_name("sabot:operator/" name)))

__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_length, size_t align, size_t length) {
    if (length == 0) return (void *)align;
    void *place = sabot_allocate(length);
    sabot_copy(place, old, old_length < length ? old_length : length);
    return place;
}

SABOT_EXPORT("control@0.1.0#describe")
sabot_manifest *sabot_export_describe(void) {
    static sabot_manifest manifest;
    sabot_view typed = sabot_schema(sabot_this.inputs, sabot_this.input_count);
    manifest = (sabot_manifest){
        .name = sabot_list_of(sabot_this.name),
        .version = sabot_list_of(sabot_this.version),
        .columns = {2, {typed.bytes, typed.length}},
        .extends = sabot_this.extends,
        .deterministic = true,
        .config_schema = sabot_list_of(sabot_this.config_schema),
    };
    sabot_call_is_over = true;
    return &manifest;
}

SABOT_EXPORT("control@0.1.0#bind")
sabot_result *sabot_export_bind(const sabot_port *inputs, size_t count, const char *config, size_t length) {
    static sabot_result result;
    static sabot_port output;
    (void)inputs, (void)count;
    result = (sabot_result){0};
    const char *wrong = sabot_bind((sabot_text){config, length});
    if (wrong) {
        result.is_error = 1;
        result.error.kind = SABOT_CONFIG_ERROR;
        result.error.text = sabot_list_of(wrong);
    } else if (sabot_this.output_count) {
        sabot_view schema = sabot_schema(sabot_this.outputs, sabot_this.output_count);
        output = (sabot_port){sabot_list_of("output"), {schema.bytes, schema.length}};
        result.list = (sabot_list){&output, 1};
    }
    /* What was allocated so far stays. */
    sabot_floor = sabot_top;
    sabot_call_is_over = true;
    return &result;
}

SABOT_EXPORT("control@0.1.0#open")
sabot_result *sabot_export_open(void) {
    static sabot_result done;
    return &done;
}

SABOT_EXPORT("control@0.1.0#close")
void sabot_export_close(void) {}

/* Notes a refused row; `errors` has room for all of them. */
static void sabot_refuse(sabot_row_error *errors, size_t *count, size_t row, const sabot_refusal *refusal) {
    errors[(*count)++] = (sabot_row_error){
        (uint32_t)row, sabot_list_of(refusal->code), sabot_list_of(refusal->message), refusal->retryable,
    };
}

/* Whether a column that must not be null is null in that row. */
static bool sabot_has_null(const sabot_batch *batch, size_t row, sabot_refusal *refusal) {
    for (size_t i = 0; i < sabot_this.input_count; i++) {
        if (sabot_this.inputs[i].nullable || !sabot_is_null(batch, i, row)) continue;
        *refusal = (sabot_refusal){"null", sabot_this.inputs[i].name, false};
        return true;
    }
    return false;
}

#ifdef SABOT_FILTER

typedef struct { uint32_t is_error; sabot_list keep, errors; } sabot_selection;

SABOT_EXPORT("selector@0.1.0#select")
sabot_selection *sabot_export_select(const uint8_t *message, size_t length) {
    static sabot_selection result;
    static sabot_batch batch;
    sabot_read(&batch, message, length);
    size_t bits = sabot_bitmap_length(batch.rows), refused = 0;
    uint8_t *keep = sabot_allocate(bits);
    __builtin_memset(keep, 0, bits);
    sabot_row_error *errors = NULL;
    for (size_t row = 0; row < batch.rows; row++) {
        sabot_refusal refusal = {0};
        bool kept = !sabot_has_null(&batch, row, &refusal) && sabot_select(&batch, row, &refusal);
        if (refusal.code) {
            if (!errors) errors = sabot_allocate(batch.rows * sizeof *errors);
            sabot_refuse(errors, &refused, row, &refusal);
        } else if (kept) {
            keep[row / 8] |= (uint8_t)(1u << (row % 8));
        }
    }
    result = (sabot_selection){0, {keep, bits}, {errors, refused}};
    sabot_call_is_over = true;
    return &result;
}

#else

SABOT_EXPORT("mapper@0.1.0#process")
sabot_result *sabot_export_process(const uint8_t *message, size_t length) {
    static sabot_result result;
    static sabot_batch batch;
    static sabot_output out;
    sabot_read(&batch, message, length);
    sabot_begin(&out, batch.rows);
    size_t refused = 0;
    sabot_row_error *errors = NULL;
    for (size_t row = 0; row < batch.rows; row++) {
        sabot_refusal refusal = {0};
        if (!sabot_has_null(&batch, row, &refusal)) sabot_map(&batch, row, &out, &refusal);
        if (refusal.code) {
            if (!errors) errors = sabot_allocate(batch.rows * sizeof *errors);
            sabot_refuse(errors, &refused, row, &refusal);
            sabot_take_back(&out);
            continue;
        }
        out.rows++;
        for (size_t i = 0; i < sabot_this.output_count; i++) {
            if (out.columns[i].count != out.rows) sabot_panic("a row puts one cell into each of its columns");
        }
    }
    sabot_emit(&out);
    result = (sabot_result){.list = {errors, refused}};
    sabot_call_is_over = true;
    return &result;
}

#endif

#endif
