import { type RefObject, useEffect, useState } from 'react';
import { useViewer } from '../accounts/contexts.ts';
import { texts } from '../ui/texts.ts';
import type { useUploads } from '../uploads/use-uploads.ts';
import { useMessaging } from './context.ts';
import type { Conversation } from './conversation.ts';
import type { Draft } from './drafts.ts';
import type { Message } from './message.ts';

interface Edit {
  message: Message;
  text: string;
}

/** The message that the composer replies to or edits. */
export interface ComposerContext {
  kind: 'reply' | 'edit';
  title: string;
  text: string;
}

interface ComposerOptions {
  conversation: Conversation;
  messages: readonly Message[];
  input: RefObject<HTMLTextAreaElement | null>;
  /** Longest text, in bytes of UTF-8. */
  maxBytes: number;
  uploads: ReturnType<typeof useUploads>;
  /** Called after a new message was added to the outbox. */
  onSend: () => void;
}

const encoder = new TextEncoder();
/** The remaining bytes are shown above this fraction of the limit. */
const nearlyFull = 0.8;

/** State of a channel's composer: the draft of a new message or reply, or an edit of an earlier message. */
export function useComposer({ conversation, messages, input, maxBytes, uploads, onSend }: ComposerOptions) {
  const { viewerId } = useViewer();
  const { drafts, outbox } = useMessaging();
  const { channelId } = conversation;
  const [draft, setDraft] = useState<Draft>(() => drafts.read(channelId));
  const [edit, setEdit] = useState<Edit | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isSaving, setSaving] = useState(false);
  const text = edit?.text ?? draft.text;
  const replyTo = messages.find(({ id }) => id === draft.replyToId) ?? null;
  const hasContent = text.trim() !== '' || (edit === null && uploads.uploads.length > 0);
  const areFilesReady = edit !== null || uploads.areComplete;
  const bytesLeft = maxBytes - encoder.encode(text.trim()).length;

  useEffect(() => input.current?.focus(), [input]);

  return {
    text,
    canSend: hasContent && areFilesReady && bytesLeft >= 0 && !isSaving,
    /** A problem with the text, or the remaining bytes. */
    note: problem ?? sizeNote(bytesLeft, maxBytes),
    context: toContext(edit, replyTo),
    change: (next: string) => (edit ? setEdit({ ...edit, text: next }) : saveDraft({ ...draft, text: next })),
    submit: () => (edit ? void saveEdit(edit) : send()),
    cancel: () => (edit ? endEdit() : saveDraft({ ...draft, replyToId: null })),
    reply(message: Message) {
      endEdit();
      saveDraft({ ...draft, replyToId: message.id });
      input.current?.focus();
    },
    edit: (message: Message) => startEdit({ message, text: message.text }),
    editLast() {
      const own = messages.findLast(
        ({ author, kind, deletedAt }) => author.id === viewerId && kind === 'TEXT' && deletedAt === null,
      );
      if (own) startEdit({ message: own, text: own.text });
    },
  };

  function saveDraft(next: Draft) {
    setDraft(next);
    drafts.write(channelId, next);
  }

  function send() {
    const attachmentIds = uploads.uploads.flatMap(({ id }) => id ?? []);
    outbox.send({ channelId, text: text.trim(), replyToId: draft.replyToId, attachmentIds });
    uploads.clear();
    saveDraft({ text: '', replyToId: null });
    onSend();
  }

  function startEdit(next: Edit) {
    setEdit(next);
    setProblem(null);
    input.current?.focus();
  }

  function endEdit() {
    setEdit(null);
    setProblem(null);
  }

  async function saveEdit({ message, text: edited }: Edit) {
    setSaving(true);
    const failure = await conversation.edit(message.id, edited.trim());
    setSaving(false);
    if (failure === null) endEdit();
    else setProblem(failure.code === 'CONFLICT' ? texts.messages.editConflict : texts.failure(failure));
  }
}

function toContext(edit: Edit | null, replyTo: Message | null): ComposerContext | null {
  if (edit) return { kind: 'edit', title: texts.messages.editing, text: edit.message.text };
  return (
    replyTo && {
      kind: 'reply',
      title: texts.messages.replyingTo(texts.nameOf(replyTo.author)),
      text: replyTo.text || texts.files.attachment,
    }
  );
}

function sizeNote(bytesLeft: number, maxBytes: number): string | null {
  if (bytesLeft < 0) return texts.messages.tooLong(-bytesLeft);
  return bytesLeft < maxBytes * (1 - nearlyFull) ? texts.messages.bytesLeft(bytesLeft) : null;
}
