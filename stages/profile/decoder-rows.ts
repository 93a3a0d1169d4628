// The decoder rows of a stored dictionary, ranges of them, whatever its kind: W_dec [F, …], the sites written one after the other in
// each row. Reads no more than it is asked for.
import { SafetensorsFile } from '../../storage/files/safetensors-file.js';

export class DecoderRows {
  /** Numbers of a row: the widths of the sites written, together. */
  readonly width: number;
  readonly features: number;
  readonly #file: SafetensorsFile;

  private constructor(file: SafetensorsFile, features: number, width: number) {
    this.#file = file;
    this.features = features;
    this.width = width;
  }

  /** The rows of a dictionary's file; a sentence where its decoder lies in another form. */
  static async open(path: string, features: number, widths: readonly number[]): Promise<DecoderRows | string> {
    const file = await SafetensorsFile.open(path);
    const width = widths.reduce((a, b) => a + b, 0);
    const place = file.places.get('W_dec');
    const [rows, ...rest] = place?.shape ?? [];
    if (place?.dtype === 'F32' && rows === features && rest.reduce((a, b) => a * b, 1) === width)
      return new DecoderRows(file, features, width);
    await file.close();
    const found = place ? `${place.dtype} [${place.shape.join(', ')}]` : 'no tensor of that name';
    return `expected a decoder W_dec of float32 [${features}, ${width}], found ${found}`;
  }

  /** [to − from, width] */
  async read(from: number, to: number): Promise<Float32Array<ArrayBuffer>> {
    const bytes = await this.#file.readRows('W_dec', from, to);
    return new Float32Array(bytes?.buffer ?? new ArrayBuffer(0));
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
