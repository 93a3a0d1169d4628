// Lists of integers that a pass stores as tensors, each list once.
import { makeInt64 } from '../make.js';
import type { TensorProto } from '../proto.js';
import { freshName } from './map-nodes.js';

export class IntegerPool {
  readonly tensors: TensorProto[] = [];
  readonly #byList = new Map<string, string>();
  readonly #kind: string;
  readonly #names: Set<string>;

  /** @param kind first part of the tensors' names. @param names names that are taken */
  constructor(kind: string, names: Set<string>) {
    this.#kind = kind;
    this.#names = names;
  }

  /** The name of the tensor with these numbers. */
  name(numbers: readonly number[]): string {
    const list = numbers.join('_');
    const known = this.#byList.get(list);
    if (known !== undefined) return known;
    const name = freshName(`${this.#kind}_${list}`, this.#names);
    this.tensors.push(makeInt64(name, numbers));
    this.#byList.set(list, name);
    return name;
  }
}
