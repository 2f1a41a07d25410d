import type { TopicName } from '../messages.ts';

/** What is looked at. It is all in the page's address, so that it can be kept, sent, and gone back to. */
export interface View {
  readonly show: TopicName;
  readonly customer: string;
  readonly id: string;
  /** The class of the error of dead letters. */
  readonly reason: string;
  /** A time, or a partition and an offset; empty: what is new. */
  readonly at: string;
  /** The key of the picture that is open; empty: none. */
  readonly open: string;
}

const names = ['show', 'customer', 'id', 'reason', 'at', 'open'] as const;

/** What an address asks for; what it says that is no view counts as not said. */
export function viewOf(search: string): View {
  const query = new URLSearchParams(search);
  const text = (name: (typeof names)[number]): string => query.get(name) ?? '';
  return {
    show: text('show') === 'dead-letters' ? 'dead-letters' : 'images',
    customer: text('customer').trim(),
    id: text('id').trim(),
    reason: text('reason'),
    at: /^(\d{4}-[\dT:.Z+-]+|(all|\d+)@\d+)$/.test(text('at')) ? text('at') : '',
    open: /^(images|dead-letters)\/\d+\/\d+$/.test(text('open')) ? text('open') : '',
  };
}

/** The query of an address, with whatever else was in it. */
export function searchOf(view: View, before: string): string {
  const query = new URLSearchParams(before);
  for (const name of names) {
    if (view[name] === '' || view[name] === 'images') {
      query.delete(name);
    } else {
      query.set(name, view[name]);
    }
  }
  // As people write it.
  return `?${query.toString().replaceAll('%2F', '/').replaceAll('%40', '@').replaceAll('%3A', ':')}`;
}
