/** Why nothing could be compared. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError';
}
