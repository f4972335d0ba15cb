import { type RefObject, useEffect, useState } from 'react';
import { useWorkspace } from '../parley-context.tsx';
import { texts } from '../ui/texts.ts';
import type { useUploads } from '../uploads/use-uploads.ts';
import type { Conversation, Message } from './conversation.ts';
import type { Draft } from './drafts.ts';

interface Edit {
  message: Message;
  text: string;
}

const encoder = new TextEncoder();
/** From this part of the limit on, it is said how much fits. */
const NEARLY_FULL = 0.8;

interface ComposerStateOptions {
  conversation: Conversation;
  messages: readonly Message[];
  input: RefObject<HTMLTextAreaElement | null>;
  /** The longest text, in bytes of UTF-8. */
  maxBytes: number;
  uploads: ReturnType<typeof useUploads>;
  /** A new message went on its way. */
  onSend: () => void;
}

/** What is being written in a channel: a new message, kept as its draft, or the edit of an old one, kept until it is saved. */
export function useComposer({ conversation, messages, input, maxBytes, uploads, onSend }: ComposerStateOptions) {
  const { drafts, outbox, viewerId } = useWorkspace();
  const { channelId } = conversation;
  const [draft, setDraft] = useState<Draft>(() => drafts.read(channelId));
  const [edit, setEdit] = useState<Edit | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isSaving, setSaving] = useState(false);
  const text = edit?.text ?? draft.text;
  const replyTo = messages.find(({ id }) => id === draft.replyToId) ?? null;
  const hasFiles = edit === null && uploads.files.length > 0;
  const areReady = edit !== null || uploads.areReady;
  const bytesLeft = maxBytes - encoder.encode(text.trim()).length;

  useEffect(() => input.current?.focus(), [input]);

  function writeDraft(next: Draft) {
    setDraft(next);
    drafts.write(channelId, next);
  }

  function begin(next: Edit) {
    setEdit(next);
    setProblem(null);
    input.current?.focus();
  }

  function endEdit() {
    setEdit(null);
    setProblem(null);
  }

  async function save({ message, text: edited }: Edit) {
    setSaving(true);
    const failure = await conversation.edit(message.id, edited.trim());
    setSaving(false);
    if (failure === null) endEdit();
    else setProblem(failure.code === 'CONFLICT' ? texts.messages.editConflict : texts.failure(failure));
  }

  return {
    text,
    canSend: (text.trim() !== '' || hasFiles) && areReady && bytesLeft >= 0 && !isSaving,
    note: problem ?? sizeNote(bytesLeft, maxBytes),
    context: toContext(edit, replyTo),
    change: (next: string) => (edit ? setEdit({ ...edit, text: next }) : writeDraft({ ...draft, text: next })),
    submit() {
      if (edit) {
        void save(edit);
        return;
      }
      const attachmentIds = uploads.files.flatMap(({ id }) => id ?? []);
      outbox.send({ channelId, text: text.trim(), replyToId: draft.replyToId, attachmentIds });
      uploads.clear();
      writeDraft({ text: '', replyToId: null });
      onSend();
    },
    cancel: () => (edit ? endEdit() : writeDraft({ ...draft, replyToId: null })),
    reply(message: Message) {
      endEdit();
      writeDraft({ ...draft, replyToId: message.id });
      input.current?.focus();
    },
    edit: (message: Message) => begin({ message, text: message.text }),
    editLast() {
      const own = messages.findLast(
        ({ author, kind, deletedAt }) => author.id === viewerId && kind === 'TEXT' && deletedAt === null,
      );
      if (own) begin({ message: own, text: own.text });
    },
  };
}

function toContext(edit: Edit | null, replyTo: Message | null) {
  if (edit) return { kind: 'edit' as const, title: texts.messages.editing, text: edit.message.text };
  return (
    replyTo && {
      kind: 'reply' as const,
      title: texts.messages.replyingTo(replyTo.author.name),
      text: replyTo.text || texts.files.one,
    }
  );
}

function sizeNote(bytesLeft: number, maxBytes: number): string | null {
  if (bytesLeft < 0) return texts.messages.tooLong(-bytesLeft);
  return bytesLeft < maxBytes * (1 - NEARLY_FULL) ? texts.messages.bytesLeft(bytesLeft) : null;
}
