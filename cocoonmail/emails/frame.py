"""The look that emails without a design of their own wear: a white card, one column, light and dark."""

from __future__ import annotations

# Clients that know prefers-color-scheme follow it; the others show the light card, or darken it in their own way.
HEAD = """<mj-head>
  <mj-raw><meta name="color-scheme" content="light dark" /><meta name="supported-color-schemes" content="light dark" /></mj-raw>
  <mj-attributes>
    <mj-all font-family="-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif" />
    <mj-text font-size="15px" line-height="24px" color="#3f3f46" padding="0 0 16px" />
    <mj-button align="left" background-color="#4f46e5" border-radius="8px" color="#ffffff" font-size="15px" font-weight="600" inner-padding="12px 22px" padding="8px 0 24px" />
    <mj-section padding="0" />
    <mj-wrapper padding="0" />
    <mj-column padding="0" />
    <mj-divider border-color="#e4e4e7" border-width="1px" padding="8px 0 24px" />
  </mj-attributes>
  <mj-style inline="inline">
    .cm-words p { margin: 0 0 16px }
    .cm-words h1 { margin: 0 0 16px; font-size: 24px; line-height: 32px; font-weight: 600; color: #18181b; letter-spacing: -0.01em }
    .cm-words h2 { margin: 24px 0 12px; font-size: 18px; line-height: 26px; font-weight: 600; color: #18181b }
    .cm-words h3 { margin: 20px 0 8px; font-size: 15px; line-height: 24px; font-weight: 600; color: #18181b }
    .cm-words a { color: #4f46e5 }
    .cm-words ul, .cm-words ol { margin: 0 0 16px; padding: 0 0 0 24px }
    .cm-words li { margin: 0 0 6px }
    .cm-words blockquote { margin: 0 0 16px; padding: 2px 0 2px 16px; border-left: 3px solid #e4e4e7; color: #71717a }
    .cm-words hr { border: 0; border-top: 1px solid #e4e4e7; margin: 24px 0 }
    .cm-words code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 13px; background: #f4f4f5; border-radius: 4px; padding: 2px 4px }
    .cm-words pre { margin: 0 0 16px; padding: 12px 16px; background: #f4f4f5; border-radius: 8px; overflow-x: auto }
    .cm-words table { width: 100%; border-collapse: collapse; margin: 0 0 16px }
    .cm-words th, .cm-words td { text-align: left; padding: 8px 12px 8px 0; border-bottom: 1px solid #e4e4e7 }
    .cm-words img { max-width: 100%; height: auto; border-radius: 8px }
  </mj-style>
  <mj-style>
    :root { color-scheme: light dark; supported-color-schemes: light dark }
    @media (max-width: 479px) { .cm-card, .cm-card > table > tbody > tr > td { border-radius: 0 !important } .cm-card > table > tbody > tr > td { padding: 28px 20px 12px !important } }
    @media (prefers-color-scheme: dark) {
      body, .cm-page { background-color: #09090b !important }
      .cm-card, .cm-card > table { background-color: #18181b !important; background: #18181b !important }
      .cm-card > table > tbody > tr > td { border-color: #27272a !important }
      .cm-words, .cm-words div, .cm-words td, .cm-words li { color: #d4d4d8 !important }
      .cm-words h1, .cm-words h2, .cm-words h3, .cm-words strong, .cm-words th { color: #fafafa !important }
      .cm-words a { color: #a5b4fc !important }
      .cm-footer div, .cm-footer a { color: #a1a1aa !important }
      .cm-words td, .cm-words th, .cm-words hr, .cm-words blockquote { border-color: #27272a !important }
      .cm-words code, .cm-words pre { background: #27272a !important }
    }
  </mj-style>
</mj-head>"""  # noqa: E501

FRAME = f"""<mjml>{HEAD}
<mj-body background-color="#f4f4f5" css-class="cm-page">
  <mj-section padding="16px 0"><mj-column></mj-column></mj-section>
  <mj-section background-color="#ffffff" border="1px solid #e4e4e7" border-radius="12px" padding="40px 40px 16px" css-class="cm-card">
    <mj-column>
<!-- body -->
    </mj-column>
  </mj-section>
</mj-body>
</mjml>"""  # noqa: E501
