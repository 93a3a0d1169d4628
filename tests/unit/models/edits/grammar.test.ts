// The grammar of --edit, and what is told about an edit that does not follow it.
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import { modelEdit } from '../../../../schemas/model-edits.js';
import { parseEdit } from '../../../../models/edit-grammar.js';

describe('--edit', () => {
  it.each([
    [
      'blocks.1.hook_resid_post=add:steer.safetensors#direction*4,at=3:7',
      {
        site: 'blocks.1.hook_resid_post',
        op: 'add',
        value: 'steer.safetensors#direction',
        factor: 4,
        at: ['3:7'],
      },
    ],
    [
      'blocks.0.attn.hook_pattern=set:run:other.json,head=2',
      { site: 'blocks.0.attn.hook_pattern', op: 'set', value: 'run:other.json', heads: [2] },
    ],
    ['blocks.2.hook_mlp_out=ablate', { site: 'blocks.2.hook_mlp_out', op: 'ablate' }],
    [
      'blocks.1.hook_resid_post=scale:0,along=probe.safetensors#truth',
      {
        site: 'blocks.1.hook_resid_post',
        op: 'scale',
        factor: 0,
        along: 'probe.safetensors#truth',
      },
    ],
    ['a=set:-1.5e-3', { site: 'a', op: 'set', value: -1.5e-3 }],
    ['a=set:values.safetensors', { site: 'a', op: 'set', value: 'values.safetensors' }],
    [
      'a=ablate:means.safetensors#m,at=1,3:5,-1,head=0,2',
      {
        site: 'a',
        op: 'ablate',
        value: 'means.safetensors#m',
        at: ['1', '3:5', '-1'],
        heads: [0, 2],
      },
    ],
    ['a=add:2*-3,along=v.safetensors#v', { site: 'a', op: 'add', value: 2, factor: -3, along: 'v.safetensors#v' }],
    ['a=set:run:ids.json,at=5<-3', { site: 'a', op: 'set', value: 'run:ids.json', at: ['5<-3'] }],
    ['blocks.*.hook_attn_out=ablate', { site: 'blocks.*.hook_attn_out', op: 'ablate' }],
  ])('reads %s', (text, expected) => {
    const edit = parseEdit(text);
    expect(edit).toEqual(expected);
    expect(modelEdit.parse(edit)).toEqual(expected);
  });

  it.each([
    [
      'blocks.1.hook_resid_post',
      'expected a site or feature and an operation, SITE=OP or RUN/DICT#FEATURE=OP, found no "=" after one',
    ],
    ['=ablate', 'expected a site or feature and an operation'],
    ['a=ablat', 'expected one of set, scale, add, ablate, found "ablat" (did you mean ablate?)'],
    ['a=set', 'expected a value to set, found nothing; e.g. set:0 or set:values.safetensors#mean'],
    ['a=set:', 'expected a number or FILE#TENSOR after "set:", found nothing'],
    ['a=set:1*2', 'expected no factor with set, found 2'],
    ['a=scale', 'expected a factor to scale by, found nothing; e.g. scale:0.5'],
    ['a=scale:x.safetensors#t', 'expected a number after "scale:", e.g. scale:0.5, found "x.safetensors#t"'],
    ['a=add', 'expected a value to add, found nothing; e.g. add:steer.safetensors#direction*4'],
    ['a=add:f.safetensors#t*x', 'expected a number after "*", e.g. add:steer.safetensors#direction*4, found "x"'],
    ['a=ablate:f.safetensors*2', 'expected no factor with ablate, found 2'],
    ['a=set:#t', 'expected FILE#TENSOR or run:IDS.json, found "#t"'],
    ['a=set:f.safetensors#', 'expected FILE#TENSOR or run:IDS.json'],
    ['a=set:run:', 'expected FILE#TENSOR or run:IDS.json, found "run:"'],
    ['a=set:run:ids.json#t', 'expected FILE#TENSOR or run:IDS.json, found "run:ids.json#t"'],
    ['a=scale:0,along=', 'expected FILE#TENSOR with a direction, found ""'],
    ['a=ablate,at=x', 'expected positions that a context can have, found "x"'],
    ['a=ablate,at=5:3', '"5:3" is empty'],
    ['a=ablate,head=-1', 'expected the number of a head, e.g. head=3 or head=0,2, found "-1"'],
    ['a=ablate,pos=3', 'expected options along=…, at=…, head=… after the operation, along= once, found "pos=3"'],
    ['a=ablate,3', 'found "3"'],
    ['a=scale:0,along=f#a,along=f#b', 'found "along=f#b"'],
  ])('refuses %s with what was expected, found, and an example', (text, message) => {
    let told: unknown;
    try {
      parseEdit(text);
    } catch (error) {
      told = error;
    }
    expect(told).toBeInstanceOf(InputError);
    const error = told as InputError;
    expect(error.message).toContain(`--edit "${text}": `);
    expect(error.message).toContain(message);
    expect(error.message).toContain('E.g. --edit "blocks.1.hook_resid_post=add:');
    expect(error.details).toMatchObject({ edit: text });
  });
});
