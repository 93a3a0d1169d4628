// The one rule from a value to JSON: no digit is lost, whatever the value came as, and ordinary JSON keeps the bytes that
// `JSON.stringify` gives it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  exactBytes,
  exactClock,
  exactDay,
  exactDecimal,
  exactDuration,
  exactJson,
  exactTime,
} from '../../../../core/text/exact-json.js';
import { MOST_LEVELS, parseExactJson, RepeatedMember } from '../../../../core/text/parse-exact-json.js';

const again = (text: string): string => exactJson(parseExactJson(text));

describe('a JSON text', () => {
  it.each([
    '{"tweet_id":1285704473650888702}',
    '{"price":1.2345678901234567e+19}',
    '[9007199254740993,-9007199254740993]',
    '[123456789012345678901234567890.123456789]',
    '[1e400,-1e400,1e-400]',
    '[-0,-0.0]',
    '{"deep":{"list":[{"n":1152921504606846976}]}}',
    '[0.1234567890123456789]',
  ])('%s keeps every digit', (text) => {
    expect(again(text)).toBe(text);
  });

  it.each([
    ['[1.0, 1e3, 0.1, 1E-7]', '[1,1000,0.1,1e-7]'],
    ['[0.10000000000000001, 0.1000000000000000055511]', '[0.1,0.1]'],
    ['[100000000000000000000, 1e20, 1e21]', '[100000000000000000000,100000000000000000000,1e+21]'],
    [
      '{"a" : "1e5 -0 12345678901234567890 \\" \\\\", "\\u0041" : [ true , null, false ] , "": {} }',
      '{"a":"1e5 -0 12345678901234567890 \\" \\\\","A":[true,null,false],"":{}}',
    ],
    ['{"__proto__":{"x":12345678901234567}}', '{"__proto__":{"x":12345678901234567}}'],
  ])('%s is written as before, %s', (text, expected) => {
    expect(again(text)).toBe(expected);
  });

  it.each([
    ['{"text":"a","text":"b"}', 'text'],
    ['{"a":[1,{"b" : {"c":1,"d":2,"c":1}}]}', 'a.b.c'],
    ['{"a":1,"\\u0061":1}', 'a'],
    ['[{"":1,"":2}]', ''],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['{"say":"\\"a\\":","a"\n\t:1,"a":12345678901234567890}', 'a'],
  ])('%s, which has a member twice, is refused with its path', (text, path) => {
    expect(() => parseExactJson(text)).toThrow(RepeatedMember);
    expect(() => parseExactJson(text)).toThrow(`found "${path}" twice`);
  });

  it.each(['{"a":{"b":1},"b":[{"a":1},{"a":1}]}', '{"say":"{\\"a\\":1,\\"a\\":2}","a":"a\\":"}', '[":\\":",":"]'])(
    '%s, which has none twice, is read',
    (text) => {
      expect(again(text)).toBe(text);
    },
  );

  it('that JSON.parse refuses is refused with its message', () => {
    expect(() => parseExactJson('{"a": 12345678901234567890,}')).toThrow(SyntaxError);
    expect(() => parseExactJson('{"a": 012345678901234567890}')).toThrow(SyntaxError);
  });

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
    ['a list whose numbers need their digits', '[12345678901234567890,', ']'],
  ])('nested deeply (%s) is read and written up to a fixed depth, and refused beyond it', (_, open, close) => {
    const nested = (levels: number): string => `${open.repeat(levels - 1)}[]${close.repeat(levels - 1)}`;
    expect(again(nested(MOST_LEVELS))).toBe(nested(MOST_LEVELS));
    for (const levels of [MOST_LEVELS + 1, 200_000])
      expect(() => parseExactJson(nested(levels))).toThrow('expected JSON of at most 1000 levels, found more');
    expect(() => parseExactJson('['.repeat(200_000))).toThrow(SyntaxError);
  });

  it('of any JSON value reads and writes as JSON.parse and JSON.stringify do, and any whole number keeps its digits', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.bigInt(), (value, whole) => {
        const text = JSON.stringify({ value, pad: 'x1e5-0', whole: 0 }).replace('"whole":0', `"whole":${whole}`);
        const written = again(text);
        expect(written).toContain(`"whole":${whole}`);
        expect((JSON.parse(written) as { value: unknown }).value).toEqual(
          (JSON.parse(text) as { value: unknown }).value,
        );
      }),
    );
  });

  it('of any float64 gives the same float64 back', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(JSON.parse(exactJson([value]))).toEqual([value]);
        // JavaScript writes no sign of −0.
        const literal = Object.is(value, -0) ? '-0e+0' : value.toExponential();
        expect(JSON.parse(again(`[${literal}]`))).toEqual([value]);
      }),
    );
  });
});

describe('a typed value', () => {
  it.each([
    [2n ** 53n - 1n, '9007199254740991'],
    [9007199254740993n, '"9007199254740993"'],
    [-(2n ** 70n), '"-1180591620717411303424"'],
    [NaN, '"NaN"'],
    [Infinity, '"Infinity"'],
    [-Infinity, '"-Infinity"'],
    [-0, '-0.0'],
    [1.2345678901234567e19, '1.2345678901234567e+19'],
    [1e20, '100000000000000000000'],
    [1e300, '1e+300'],
    [new Date(Date.UTC(2020, 0, 2)), '"2020-01-02T00:00:00.000Z"'],
    [new Uint8Array([1, 255]), '{"invalidUtf8":"Af8="}'],
    [new Float32Array([0.5, NaN]), '[0.5,"NaN"]'],
    [{ a: 9007199254740993n, b: undefined, c: [1n] }, '{"a":"9007199254740993","c":[1]}'],
  ])('%s is written as %s', (value, expected) => {
    expect(exactJson(value)).toBe(expected);
  });

  it.each([
    [1234n, 2, 12.34],
    [1230n, 2, 12.3],
    [3n, 1, 0.3],
    [-5n, 3, -0.005],
    [12345678901234567890123456789n, 2, '123456789012345678901234567.89'],
    [10000000000000000055n, 20, '0.10000000000000000055'],
    [900719925474099300n, 2, '9007199254740993.00'],
    [9007199254740993n, 0, '9007199254740993'],
  ])('the decimal %s at scale %s is %s', (unscaled, scale, expected) => {
    expect(exactDecimal(unscaled, scale)).toBe(expected);
  });

  it.each([
    [1_700_000_000_123_000_000n, 9, '2023-11-14T22:13:20.123Z'],
    [1_700_000_000_123_456_789n, 9, '2023-11-14T22:13:20.123456789Z'],
    [1_700_000_000_000_001n, 6, '2023-11-14T22:13:20.000001Z'],
    [-1n, 6, '1969-12-31T23:59:59.999999Z'],
    [-1n, 3, '1969-12-31T23:59:59.999Z'],
    [2n ** 63n - 1n, 6, '9223372036854775807 microseconds after 1970-01-01T00:00:00Z'],
  ] as const)('the moment %s at %s digits is %s', (count, digits, expected) => {
    expect(exactTime(count, digits)).toBe(expected);
  });

  it.each([
    [0n, 3, '00:00:00.000'],
    [86_399_999_999n, 6, '23:59:59.999999'],
    [1_000_000_001n, 9, '00:00:01.000000001'],
    [86_400_000n, 3, '24:00:00.000'],
    [86_400_001n, 3, '86400001 milliseconds after midnight'],
    [-1n, 9, '-1 nanoseconds after midnight'],
  ] as const)('the time of day %s at %i digits is %s', (count, digits, expected) => {
    expect(exactClock(count, digits)).toBe(expected);
  });

  it.each([
    [{ months: 0, days: 0, count: 0n, digits: 6 }, 'PT0S'],
    [{ months: 14, days: -3, count: 0n, digits: 6 }, 'P14M-3D'],
    [{ months: 1, days: 0, count: -1_500_000n, digits: 6 }, 'P1MT-1.5S'],
    [{ months: 0, days: 0, count: 5n, digits: 9 }, 'PT0.000000005S'],
    [{ months: 0, days: 0, count: -(2n ** 63n), digits: 0 }, 'PT-9223372036854775808S'],
  ] as const)('the duration %o is %s', (duration, expected) => {
    expect(exactDuration(duration)).toBe(expected);
  });

  it('bytes are their text where they are UTF-8, with its mark, else an object of their base64', () => {
    const text = '\u{feff}é\u0000';
    expect(exactBytes(Buffer.from(text))).toBe(text);
    expect(exactBytes(Buffer.from([0xc3]))).toEqual({ invalidUtf8: 'ww==' });
  });

  it('a day that no date of JavaScript is keeps its number', () => {
    expect(exactDay(18_263)).toBe('2020-01-02T00:00:00.000Z');
    expect(exactDay(2 ** 31 - 1)).toBe('2147483647 days after 1970-01-01');
  });

  it('is indented as JSON.stringify indents', () => {
    const value = { a: [], b: {}, c: [1, { d: 'x' }], e: null };
    expect(exactJson(value, 2)).toBe(JSON.stringify(value, null, 2));
  });
});
