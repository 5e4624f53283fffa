/**
 * Our changes to the engine's source. Nearly all of them make the image's objects live for ever: their reference
 * counts stay unchanged, so that a process does not copy each page that it reads (native/image.h).
 *
 * Each text occurs in the file as often as its change says; any other number ends the build.
 */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly times: number;
  readonly why: string;
}

const collectorSteps = ["gc_decref_child", "gc_scan_incref_child", "gc_scan_incref_child2"];

const collectorChanges = collectorSteps.map((step): Change => {
  const head = `static void ${step}(JSRuntime *rt, JSGCObjectHeader *p)\n{`;
  return {
    file: "quickjs.c",
    from: head,
    to: `${head}\n    if (is_in_image(p)) return;`,
    times: 1,
    why: "the collector of cycles counts no references to what it may not free",
  };
});

const change = (file: string, from: string, to: string, why: string, times = 1): Change => ({
  file,
  from,
  to,
  times,
  why,
});

/** JSON.parse accepts some invalid JSON, which the runtime and other plugins of a list refuse. */
const jsonChanges: readonly Change[] = [
  change(
    "quickjs.c",
    "            /* XXX: need a specific JSON case to avoid\n               accepting invalid escapes */",
    `            if (!s->cur_func && (c == 0 || !strchr("\\"\\\\/bfnrtu", c) || (c == 'u' && p[1] == '{')))
                goto invalid_escape;`,
    "a backslash stands before nine characters only (RFC 8259, 7); a parser of JSON has no function",
  ),
  change(
    "quickjs.c",
    "    case '-':\n        if (!is_digit(p[1]))\n            goto def_token;",
    "    case '-':\n        if (!is_digit(p[1]) || (p[1] == '0' && is_digit(p[2])))\n            goto def_token;",
    "no number begins with a zero and another digit (RFC 8259, 6), and none with a minus before them",
  ),
  change(
    "quickjs.c",
    "            s->token.u.num.val = ret;\n        }\n        break;\n    default:\n        if (c >= 128) {\n            js_parse_error",
    `            s->token.u.num.val = ret;
            const uint8_t *point = memchr(s->token.ptr, '.', p - s->token.ptr);
            if (point && !is_digit(point[1])) {
                js_parse_error_pos(s, point, "a digit is missing behind the point");
                goto fail;
            }
        }
        break;
    default:
        if (c >= 128) {
            js_parse_error`,
    "behind a decimal point is a digit (RFC 8259, 6)",
  ),
];

export const changes: readonly Change[] = [
  change(
    "quickjs.h",
    "#define QUICKJS_H",
    '#define QUICKJS_H\n#include "image.h"',
    "is_in_image is used below",
  ),
  change(
    "quickjs.h",
    "((unsigned)JS_VALUE_GET_TAG(v) >= (unsigned)JS_TAG_FIRST)",
    "((unsigned)JS_VALUE_GET_TAG(v) >= (unsigned)JS_TAG_FIRST && !is_in_image(JS_VALUE_GET_PTR(v)))",
    "values of the image are not counted, and the collector does not follow them",
  ),
  change(
    "quickjs.c",
    "return (int32_t)v < JS_ATOM_END;",
    "return (int32_t)v < JS_ATOM_END || v < IMAGE_ATOMS;",
    "names of the image are not counted, as the engine's own are not",
  ),
  change(
    "quickjs.c",
    "if (__JS_AtomIsConst(i))",
    "if (__JS_AtomIsConst(i) && !is_in_image(str))",
    "a text of the image that becomes a name is not counted",
  ),
  change(
    "quickjs.c",
    "if (str->atom_type == 0) {",
    "if (str->atom_type == 0 && !is_in_image(str)) {",
    "a new name takes the text's own memory, and frees it with the name",
  ),
  change(
    "quickjs.c",
    "if (--str->header.ref_count <= 0) {",
    "if (!is_in_image(str) && --str->header.ref_count <= 0) {",
    "texts of the image are not counted",
  ),
  change(
    "quickjs.c",
    "if (p1->header.ref_count != 1)",
    "if (p1->header.ref_count != 1 || is_in_image(p1))",
    "a text with one reference is lengthened in place: one of the image may have more",
  ),
  change(
    "quickjs.c",
    "sh->header.ref_count++;",
    "if (!is_in_image(sh)) sh->header.ref_count++;",
    "shapes are not counted",
  ),
  change(
    "quickjs.c",
    "if (unlikely(--sh->header.ref_count <= 0)) {",
    "if (!is_in_image(sh) && unlikely(--sh->header.ref_count <= 0)) {",
    "shapes are not counted",
  ),
  change(
    "quickjs.c",
    "if (sh->header.ref_count != 1) {",
    "if (sh->header.ref_count != 1 || is_in_image(sh)) {",
    "a shape with one reference is changed in place: one of the image may have more",
    2,
  ),
  ...collectorChanges,
  ...jsonChanges,
  change(
    "quickjs.c",
    "js_limb_clz(r->tab[r->len - 1]);\n        /* n_digits",
    "(r->tab[r->len - 1] == 0 ? JS_LIMB_BITS : js_limb_clz(r->tab[r->len - 1]));\n        /* n_digits",
    "a number of 128 bits has a zero before them, whose leading zeros the processor does not count: its text had any length",
  ),
  change(
    "quickjs.c",
    "build_backtrace(ctx, obj, NULL, 0, 0, JS_BACKTRACE_FLAG_SKIP_FIRST_LEVEL);",
    "/* when it is thrown */",
    "errors that are returned and never thrown (the kernel's refusals) need no stack: 15 of them were a third of a DEL",
  ),
  change(
    "quickjs.c",
    "JS_PROP_WRITABLE | JS_PROP_LENGTH);\n            }\n            pr->u.value = JS_NewInt32(ctx, 0);",
    `JS_PROP_WRITABLE | JS_PROP_LENGTH);
                if (unlikely(!pr)) {
                    sh = p->shape;
                    js_free(ctx, p->prop);
                    js_free(ctx, p);
                    goto fail;
                }
            }
            pr->u.value = JS_NewInt32(ctx, 0);`,
    "of arrays that a constructor makes (also map and filter) the length is added, for which memory can lack",
  ),
  change(
    "quickjs.c",
    "    int i;\n\n    JS_FreeValueRT(rt, bf->func_obj);",
    "    int i;\n\n    if (bf == NULL) return;\n    JS_FreeValueRT(rt, bf->func_obj);",
    "a bound function for which memory lacked has nothing to free",
  ),
  change(
    "quickjs.c",
    '    js_dbuf_init(ctx, &dbuf);\n    if (filename) {\n        dbuf_printf(&dbuf, "    at %s", filename);',
    `    JSValue pending = ctx->rt->current_exception;
    ctx->rt->current_exception = JS_UNINITIALIZED;
    js_dbuf_init(ctx, &dbuf);
    if (filename) {
        dbuf_printf(&dbuf, "    at %s", filename);`,
    "without memory for the stack, the error would be freed while it is worked on, being the current exception",
  ),
  change(
    "quickjs.c",
    "    JS_DefinePropertyValue(ctx, error_obj, JS_ATOM_stack, str,\n                           JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);\n}\n\n/* Note: it is important",
    `    if (JS_IsException(str))
        str = JS_NULL;
    JS_DefinePropertyValue(ctx, error_obj, JS_ATOM_stack, str,
                           JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    JS_FreeValue(ctx, ctx->rt->current_exception);
    ctx->rt->current_exception = pending;
}

/* Note: it is important`,
    "the error stays the current exception, whatever failed; a text that could not be made is no value",
  ),
  change(
    "quickjs.c",
    "        /* out of memory: throw JS_NULL to avoid recursing */",
    `        if (!ctx->rt->in_out_of_memory && JS_IsObject(ctx->rt->current_exception))
            return JS_EXCEPTION;`,
    "an error for which memory lacks gives way to the one that says so, which has been thrown just now",
  ),
  change(
    "quickjs.c",
    "    /* XXX: should generate an exception */\n    return __JS_NewAtom(rt, p, JS_ATOM_TYPE_STRING);",
    `    n = __JS_NewAtom(rt, p, JS_ATOM_TYPE_STRING);
    if (n == JS_ATOM_NULL)
        JS_ThrowOutOfMemory(ctx);
    return n;`,
    "where memory lacks for a name, null would be thrown",
  ),
];

/** Applies the changes to a file's text. Throws if the text is not of the expected version. */
export function changed(file: string, text: string): string {
  let result = text;
  for (const { from, to, times } of changes.filter((each) => each.file === file)) {
    const parts = result.split(from);
    if (parts.length !== times + 1)
      throw new Error(`${file} has ${parts.length - 1} times, not ${times} times: ${from}`);
    result = parts.join(to);
  }
  return result;
}
