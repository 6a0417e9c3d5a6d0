'use strict';
// A form with data-api sends its fields as JSON to the API. What stays shows
// that it was saved; any other form reloads the page.

const problem = document.getElementById('problem');
const author = document.getElementById('author');

function complain(text) {
  problem.textContent = text;
  problem.hidden = false;
  problem.scrollIntoView({block: 'nearest'});
}

function fieldsOf(form, submitter) {
  const fields = {};
  for (const input of form.elements) {
    if (!input.name || (input.tagName === 'BUTTON' && input !== submitter)) continue;
    fields[input.name] = 'number' in input.dataset ? Number(input.value) : input.value;
  }
  if ('stays' in form.dataset && author) fields.author = author.value.trim();
  return fields;
}

async function send(form, submitter) {
  problem.hidden = true;
  const answer = await fetch(form.dataset.api, {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(fieldsOf(form, submitter)),
  });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.error || answer.statusText || String(answer.status));
  }
  if (!('stays' in form.dataset)) {
    location.reload();
    return;
  }
  for (const button of form.querySelectorAll('[aria-pressed]')) button.setAttribute('aria-pressed', String(button === submitter));
  const saved = form.querySelector('.saved');
  saved.textContent = saved.dataset.said;
}

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.dataset.api) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = 'yes';
  try {
    await send(form, event.submitter);
  } catch (error) {
    complain(error.message);
  } finally {
    delete form.dataset.busy;
  }
});

// The name of who gives feedback.
if (author) {
  try { author.value = localStorage.getItem('author') || ''; } catch { /* storage is switched off */ }
  author.addEventListener('change', () => {
    try { localStorage.setItem('author', author.value.trim()); } catch { /* it stays for this page */ }
  });
}

// A statement outlines its pictures while it is pointed at or has the focus.
function outline(event, on) {
  const mark = event.target.closest && event.target.closest('[data-pictures]');
  if (!mark) return;
  for (const id of mark.dataset.pictures.split(' ')) {
    if (id) document.getElementById(id).classList.toggle('pointed', on);
  }
}
for (const type of ['mouseover', 'focusin']) document.addEventListener(type, (event) => outline(event, true));
for (const type of ['mouseout', 'focusout']) document.addEventListener(type, (event) => outline(event, false));

// Times in the reader's own zone.
for (const time of document.querySelectorAll('time')) {
  time.title = time.textContent;
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang);
}
