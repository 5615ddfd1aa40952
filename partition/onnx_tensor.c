/* Numbers of ONNX tensors: raw, typed or in an external file; fp32 and fp16, little endian.
 * Source: onnx.proto, message TensorProto; https://onnx.ai/onnx/repo-docs/ExternalData.html
 */
#include "partition/onnx_tensor.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

enum { PATH_BYTES = 4096 };

void partition_onnx_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

int partition_onnx_report(const struct partition_onnx_source *source, int status, const char *what,
                          const char *format, ...)
{
    char text[768];
    va_list args;
    int n = snprintf(text, sizeof(text), "%s: ", what);
    if (n < 0 || n >= (int)sizeof(text))
        n = 0;
    va_start(args, format);
    vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
    va_end(args);
    partition_onnx_printable(text);
    proto_log_error(AREA, "%s: %s", source->path, text);
    return status;
}

int64_t partition_onnx_count(const Onnx__TensorProto *tensor)
{
    int64_t count = 1;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        const int64_t dim = tensor->dims[i];
        if (dim < 0 || dim > PARTITION_ONNX_WEIGHTS_MAX)
            return -1;
        count *= dim;
        if (count > PARTITION_ONNX_WEIGHTS_MAX)
            return -1;
    }
    return count;
}

const char *partition_onnx_shape(const Onnx__TensorProto *tensor, char text[64])
{
    int at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < tensor->n_dims && at < 40; i++)
        at += snprintf(text + at, 64 - (size_t)at, "%s%lld", i ? "x" : "",
                       (long long)tensor->dims[i]);
    if (tensor->n_dims == 0)
        snprintf(text, 64, "scalar");
    return text;
}

/* IEEE 754 binary16. Half denormals are normal floats, so scaling by powers of two is exact. */
static float float_of_half(uint16_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    float value;
    if (exponent == 31)
        value = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        value = ldexpf((float)fraction, -24);
    else
        value = ldexpf((float)(fraction + 1024), exponent - 25);
    return half & 0x8000 ? -value : value;
}

static uint32_t little_endian(const uint8_t *bytes, int n)
{
    uint32_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static void floats_of_bytes(const uint8_t *bytes, int each, int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = little_endian(bytes + i * each, each);
        if (each == 2)
            out[i] = float_of_half((uint16_t)bits);
        else
            memcpy(&out[i], &bits, sizeof(bits));
    }
}

static const char *external_value(const Onnx__TensorProto *tensor, const char *key)
{
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = tensor->external_data[i];
        if (entry->key && strcmp(entry->key, key) == 0)
            return entry->value;
    }
    return NULL;
}

/* Only files in the ONNX file's folder or below it. */
static bool location_allowed(const char *location)
{
    if (!location || !*location || *location == '/' || strchr(location, '\\'))
        return false;
    for (const char *part = location; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static bool parse_bytes(const char *text, int64_t otherwise, int64_t *out)
{
    char *end;
    *out = otherwise;
    if (!text)
        return true;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && end != text && *end == '\0' && value >= 0;
}

static int tell_once(struct partition_onnx_source *source, const char *what, const char *location,
                     const char *path)
{
    for (int i = 0; i < source->external_count; i++)
        if (strcmp(source->external[i], location) == 0)
            return PROTO_OK;
    if (source->external_count == PARTITION_ONNX_EXTERNAL_MAX)
        return partition_onnx_report(source, PROTO_LIMIT, what, "more than %d external data files",
                                     PARTITION_ONNX_EXTERNAL_MAX);
    source->external[source->external_count++] = location;
    return source->file ? source->file(source->arg, path) : PROTO_OK;
}

static int external_path(struct partition_onnx_source *source, const char *what,
                         const char *location, char path[PATH_BYTES])
{
    const char *slash = strrchr(source->path, '/');
    const int folder = slash ? (int)(slash - source->path) + 1 : 0;
    if (!location_allowed(location))
        return partition_onnx_report(source, PROTO_UNSUPPORTED, what,
                                     "external data in '%s'; it must be a file in the model's "
                                     "folder, named without '..'",
                                     location ? location : "");
    if (snprintf(path, PATH_BYTES, "%.*s%s", folder, source->path, location) >= PATH_BYTES)
        return partition_onnx_report(source, PROTO_LIMIT, what, "external data: path too long");
    return PROTO_OK;
}

/* `bytes` bytes of the tensor's external file into data. */
static int read_external(struct partition_onnx_source *source, const Onnx__TensorProto *tensor,
                         const char *what, uint8_t *data, int64_t bytes)
{
    char path[PATH_BYTES];
    struct stat info;
    int64_t offset, length;
    const char *location = external_value(tensor, "location");
    int status = external_path(source, what, location, path);
    if (status != PROTO_OK)
        return status;
    if (!parse_bytes(external_value(tensor, "offset"), 0, &offset) ||
        !parse_bytes(external_value(tensor, "length"), bytes, &length) || length != bytes)
        return partition_onnx_report(source, PROTO_FORMAT, what,
                                     "external data: the tensor has %lld bytes, offset or length "
                                     "do not fit",
                                     (long long)bytes);
    if (stat(path, &info) != 0)
        return partition_onnx_report(source, PROTO_IO, what, "external data '%s': %s", location,
                                     strerror(errno));
    if (!S_ISREG(info.st_mode) || bytes > info.st_size || offset > info.st_size - bytes)
        return partition_onnx_report(source, PROTO_FORMAT, what,
                                     "external data '%s' of %lld bytes does not hold %lld bytes at "
                                     "%lld",
                                     location, (long long)info.st_size, (long long)bytes,
                                     (long long)offset);
    FILE *file = fopen(path, "rb");
    if (!file || fseeko(file, (off_t)offset, SEEK_SET) != 0 ||
        fread(data, 1, (size_t)bytes, file) != (size_t)bytes)
        status = partition_onnx_report(source, PROTO_IO, what, "external data '%s': %s", location,
                                       file && feof(file) ? "ends early" : strerror(errno));
    if (file)
        fclose(file);
    return status == PROTO_OK ? tell_once(source, what, location, path) : status;
}

static int floats_external(struct partition_onnx_source *source, const Onnx__TensorProto *tensor,
                           const char *what, int each, int64_t count, float *out)
{
    uint8_t *bytes = malloc((size_t)count * (size_t)each + 1);
    if (!bytes)
        return PROTO_NO_MEMORY;
    const int status = read_external(source, tensor, what, bytes, count * each);
    if (status == PROTO_OK)
        floats_of_bytes(bytes, each, count, out);
    free(bytes);
    return status;
}

static int floats_inline(struct partition_onnx_source *source, const Onnx__TensorProto *tensor,
                         const char *what, int each, int64_t count, float *out)
{
    size_t got; /* numbers */
    if (tensor->has_raw_data)
        got = tensor->raw_data.len % (size_t)each ? SIZE_MAX : tensor->raw_data.len / (size_t)each;
    else
        got = each == 4 ? tensor->n_float_data : tensor->n_int32_data;
    if (got != (size_t)count) {
        char shape[64];
        return partition_onnx_report(source, PROTO_FORMAT, what,
                                     "tensor '%s' of shape %s does not hold %lld numbers",
                                     tensor->name ? tensor->name : "",
                                     partition_onnx_shape(tensor, shape), (long long)count);
    }
    if (tensor->has_raw_data)
        floats_of_bytes(tensor->raw_data.data, each, count, out);
    else if (each == 4)
        for (int64_t i = 0; i < count; i++)
            out[i] = tensor->float_data[i];
    else /* halves travel as the low 16 bits of int32_data */
        for (int64_t i = 0; i < count; i++)
            out[i] = float_of_half((uint16_t)tensor->int32_data[i]);
    return PROTO_OK;
}

int partition_onnx_floats(struct partition_onnx_source *source, const Onnx__TensorProto *tensor,
                          const char *what, float *out)
{
    const char *name = tensor->name ? tensor->name : "";
    const int64_t count = partition_onnx_count(tensor);
    int each, status;
    switch (tensor->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        each = 4;
        break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
        each = 2;
        break;
    default:
        return partition_onnx_report(source, PROTO_UNSUPPORTED, what,
                                     "tensor '%s' has ONNX data type %d; 1 (float) and 10 "
                                     "(float16) are supported",
                                     name, tensor->data_type);
    }
    if (count < 0)
        return partition_onnx_report(source, PROTO_LIMIT, what, "tensor '%s': more than %d numbers",
                                     name, PARTITION_ONNX_WEIGHTS_MAX);
    if (tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        status = floats_external(source, tensor, what, each, count, out);
    else
        status = floats_inline(source, tensor, what, each, count, out);
    for (int64_t i = 0; status == PROTO_OK && i < count; i++)
        if (!isfinite(out[i]))
            status =
                partition_onnx_report(source, PROTO_FORMAT, what,
                                      "tensor '%s': number %lld is not finite", name, (long long)i);
    return status;
}

int partition_onnx_ints(const Onnx__TensorProto *tensor, int64_t *out, int max)
{
    const int64_t count = partition_onnx_count(tensor);
    if (tensor->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__INT64 || count < 0 || count > max ||
        tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return -1;
    if (!tensor->has_raw_data && tensor->n_int64_data == (size_t)count) {
        for (int64_t i = 0; i < count; i++)
            out[i] = tensor->int64_data[i];
        return (int)count;
    }
    if (!tensor->has_raw_data || tensor->raw_data.len != 8 * (size_t)count)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *bytes = tensor->raw_data.data + 8 * i;
        out[i] = (int64_t)((uint64_t)little_endian(bytes + 4, 4) << 32 | little_endian(bytes, 4));
    }
    return (int)count;
}
