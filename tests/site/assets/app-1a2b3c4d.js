document.title = 'Tithi';
