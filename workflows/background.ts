// Work that a workflow begins and does not wait for at once, such as an event that a signal asks for. Each piece is handled from its
// start, so that a failure never goes unheard and a cancellation never fails the workflow's task.
import { isCancellation } from '@temporalio/workflow';

export class Background {
  readonly #pieces: Promise<unknown>[] = [];
  #failure: { readonly error: unknown } | null = null;

  add(piece: Promise<unknown>): void {
    const handled = piece.catch((error: unknown) => {
      // What was cancelled is told by whoever was cancelled.
      if (!isCancellation(error)) this.#failure ??= { error };
    });
    this.#pieces.push(handled);
  }

  /** Waits for everything that was begun. @throws the first failure */
  async settled(): Promise<void> {
    while (this.#pieces.length > 0) await Promise.all(this.#pieces.splice(0));
    if (this.#failure !== null) throw this.#failure.error as Error;
  }
}
