-- What the sample catalogue (demo.sql) shows first: people with a story, and events of the coming weeks that are described by hand. Times are
-- of the event's zone, days from today on. `booked` places are taken, one of them by demo@example.com where `mine` says so.

CREATE TEMP TABLE demo_hosts (language text PRIMARY KEY, name text, specialization text, bio text) ON COMMIT DROP;
INSERT INTO demo_hosts VALUES -- each is the first facilitator of that language
('en-IN', 'Meera Iyer', 'Hatha yoga and Ayurveda',
 'Meera grew up in a family of Ayurvedic physicians in Thrissur and trained at the Sivananda ashram. For fifteen years she has taught small groups '
 'in Rishikesh and Bengaluru, slowly and with many jokes. She is a mother of two and knows what it means to find half an hour a day.'),
('hi', 'काव्या जोशी', 'ध्यान और भक्ति संगीत',
 'काव्या बनारस घराने में पली-बढ़ीं और बारह वर्षों से ध्यान और भजन सिखाती हैं। उनके सत्र सरल होते हैं: थोड़ी साँस, थोड़ा सुर और बहुत सा मौन।'),
('ta', 'கயல்விழி இரா.', 'பரதநாட்டியம்',
 'மயிலாப்பூரில் பதினெட்டு ஆண்டுகளாக பரதநாட்டியம் கற்பிக்கிறார். வயது வந்தவர்களுக்கான அவரது வகுப்புகளில் மேடை இல்லை, தேர்வு இல்லை; மகிழ்ச்சி மட்டுமே.'),
('de', 'Katharina Böhm', 'Achtsamkeit und Waldbaden',
 'Katharina ist Psychologin und MBSR-Lehrerin. Nach zehn Jahren in der Klinik leitet sie heute Kurse in Berlin und Auszeiten in Brandenburg. '
 'Sie erklärt wenig, fragt viel und kennt jeden See im Umkreis von einer Stunde.'),
('fr', 'Élodie Lefèvre', 'Danse libre et sophrologie',
 'Élodie a dansé quinze ans avant de se former à la sophrologie. À Lyon et en ligne, elle accompagne celles et ceux qui veulent habiter leur corps '
 'sans performance ni miroir.'),
('es', 'Lucía Ibáñez', 'Meditación y baños de sonido',
 'Lucía nació en Oaxaca y vive en Nueva York. Toca cuencos, gong y didgeridoo, y lleva doce años guiando círculos de meditación en español '
 'para quien extraña parar un rato.'),
('en-US', 'Harper Washington', 'Breathwork and cold water',
 'Harper is a former swim coach who found breathwork after burning out, and has guided more than four thousand people into cold water and back out '
 'smiling. Science first, no shouting.'),
('ar', 'ليلى حداد', 'اليقظة الذهنية والخط العربي',
 'تجمع ليلى بين الخط العربي والتأمل: الحرف يعلّم الصبر والنفس يعلّم الحضور. تدرّس منذ تسع سنوات في بروكلين وعبر الإنترنت.'),
('ja', '小林 美咲', '坐禅と茶の湯',
 '京都の禅寺で十年修行した後、鎌倉の古民家で坐禅とお茶の会を開いています。初めての方にも、椅子でも安心してご参加いただけます。'),
('zh', '陈 静怡', '太极拳与古琴',
 '出身太极世家，习拳二十年，师从陈氏第十九代传人。在东京和横滨开设中文课程，动作讲得慢，道理讲得明白。');

CREATE TEMP TABLE demo_featured (
    number      bigint GENERATED ALWAYS AS IDENTITY,
    host        text,    -- demo_hosts.language
    language    text,
    zone        text,
    day         integer,
    at          time,
    minutes     integer,
    event_type  text,
    title       text,
    location    text,
    online      boolean,
    capacity    integer,
    price_minor bigint,
    currency    text,
    policy      text,
    booked      integer,
    mine        boolean,
    description text
) ON COMMIT DROP;
INSERT INTO demo_featured (host, language, zone, day, at, minutes, event_type, title, location, online, capacity, price_minor, currency, policy,
                           booked, mine, description) VALUES
-- past, to be reviewed
('de', 'de', 'Europe/Berlin', -2, '18:30', 90, 'session', 'Achtsam in den Feierabend', 'Yogahaus Kreuzberg, Berlin', false, 16, 1800, 'EUR', '24=100', 14, true,
 'Anderthalb Stunden, um vom Tag im Kopf in den Abend im Körper zu kommen: Bodyscan, sanfte Bewegung, Stille. Matten und Decken sind da.'),
('en-IN', 'en', 'Asia/Kolkata', -5, '07:00', 75, 'session', 'Hatha Yoga for Stiff Mornings', 'Shanti Studio, Indiranagar, Bengaluru', false, 12, 50000, 'INR', '12=100', 12, true,
 'A slow class for bodies that sit at desks. We open hips and shoulders, breathe a lot, and end with a long savasana.'),
('es', 'es', 'America/New_York', -9, '19:00', 75, 'session', 'Baño de sonido bajo la luna', 'Casa Cultural, Queens, New York', false, 30, 3000, 'USD', '24=100,12=50', 27, true,
 'Cuencos tibetanos, gong y silencio. Trae una manta y ganas de no hacer nada.'),
('en-US', 'en', 'America/New_York', -20, '09:00', 180, 'workshop', 'Breathe, Freeze, Repeat: First Steps in Cold Water', 'Harbor Studio, Boston', false, 18, 7500, 'USD', '72=100,24=50', 18, false,
 'Three rounds of breathing on the mat, then two minutes in the tub with somebody beside you. Tea afterwards.'),
-- this week
('en-IN', 'en', 'Asia/Kolkata', 1, '06:30', 60, 'session', 'Sunrise Pranayama by the Lake', 'Ulsoor Lake, Kalyani Gate, Bengaluru', false, 25, 0, 'INR', NULL, 19, false,
 E'Meet at the Kalyani gate at 6:15. We sit on the steps by the water and practise four classical breaths, each explained and never forced, while the city '
 'wakes up behind us.\n\nBring a shawl to sit on. In case of rain we move under the pavilion. Free of charge; whoever likes leaves something for the lake''s '
 'clean-up fund.'),
('en-US', 'en', 'America/New_York', 1, '12:15', 30, 'session', 'Lunch Break Reset', NULL, true, 200, 0, 'USD', NULL, 64, false,
 E'Half an hour, camera off, headphones on. Ten minutes of guided breathing, ten of stillness, ten of nothing in particular.\n\nMade for people who eat at '
 'their desk. The recording stays available for a week.'),
('de', 'de', 'Europe/Berlin', 1, '18:30', 90, 'session', 'Achtsam in den Feierabend', 'Yogahaus Kreuzberg, Berlin', false, 16, 1800, 'EUR', '24=100', 11, true,
 E'Anderthalb Stunden, um vom Tag im Kopf in den Abend im Körper zu kommen.\n\nWir beginnen im Sitzen, gehen durch einen Bodyscan in langsame Bewegung über und '
 'enden in der Stille. Geeignet für alle, auch ohne Erfahrung und mit Rückenschmerzen. Matten, Decken und Tee sind da; bitte warme Socken mitbringen.'),
('hi', 'hi', 'Asia/Kolkata', 2, '05:45', 75, 'session', 'गंगा किनारे सुबह का ध्यान', 'अस्सी घाट, वाराणसी', false, 40, 0, 'INR', NULL, 33, false,
 E'सूर्योदय से पहले अस्सी घाट पर मिलते हैं। बीस मिनट साँस का अभ्यास, तीस मिनट मौन ध्यान और अंत में एक भजन।\n\nसभी का स्वागत है। बैठने के लिए आसन साथ लाएँ; चाय हमारी ओर से।'),
('es', 'es', 'America/New_York', 2, '19:00', 75, 'session', 'Baño de sonido: soltar la semana', 'Casa Cultural, Queens, New York', false, 30, 3000, 'USD', '24=100,12=50', 28, false,
 E'Una hora acostados entre cuencos tibetanos, gong y didgeridoo. No hay que saber nada ni hacer nada: solo llegar, taparse y escuchar.\n\nTrae una manta y '
 'una almohada. No recomendado durante el primer trimestre del embarazo ni con marcapasos.'),
('fr', 'fr', 'Europe/Paris', 3, '19:30', 90, 'session', 'Danse libre : on éteint la lumière', 'Studio des Pentes, Lyon 1er', false, 24, 2000, 'EUR', '24=100', 16, false,
 E'Une salle sombre, une playlist qui monte puis redescend, et personne pour regarder. Quinze minutes d''échauffement guidé, une heure de danse, quinze minutes '
 'allongées.\n\nVenez pieds nus ou en chaussettes. Aucune expérience nécessaire : c''est même le but.'),
('ja', 'ja', 'Asia/Tokyo', 3, '07:00', 60, 'session', '朝の坐禅とお茶', '鎌倉・古民家「風の間」', false, 10, 2500, 'JPY', '24=100', 8, false,
 E'二十分の坐禅を二回、その間にゆっくり歩きます。終わった後は囲炉裏を囲んでお茶を一服。\n\n初めての方には坐り方からご案内します。椅子での参加もできます。'),
('en-IN', 'en', 'Asia/Kolkata', 4, '18:00', 120, 'workshop', 'The Ayurvedic Kitchen: Dinner for Your Dosha', 'Banjara Hills Centre, Hyderabad', false, 14, 180000, 'INR', '48=100,24=50', 13, false,
 E'Cook one simple dinner three ways, for vata, pitta and kapha, and eat it together at one table.\n\nYou will learn to read your own digestion, to build a '
 'spice box that you really use, and to make kitchari in twenty minutes. Ingredients and recipe cards are included; please tell us about allergies in your notes.'),
('en-US', 'en', 'America/New_York', 4, '18:30', 90, 'workshop', 'Breathwork for Beginners', 'The Loft, Brooklyn', false, 20, 4500, 'USD', '48=100', 17, false,
 E'What breathing does to your nervous system, told without incense, and then felt: box breathing, the physiological sigh, and one long round of connected '
 'breath with live drums.\n\nPlease talk to us first if you are pregnant or have a heart condition or epilepsy.'),
('zh', 'zh', 'Asia/Tokyo', 5, '08:00', 60, 'session', '公园里的太极：二十四式入门', '上野公园不忍池畔，东京', false, 20, 1500, 'JPY', '12=100', 9, false,
 E'在晨光中学习二十四式太极拳的前六式。老师用中文讲解，动作放慢，一招一式拆开来练。\n\n零基础也可以参加。请穿平底鞋，雨天改为线上课程。'),
('de', 'de', 'Europe/Berlin', 5, '10:00', 180, 'walk', 'Waldbaden am Schlachtensee', 'S-Bahnhof Schlachtensee, Ausgang Breisgauer Straße, Berlin', false, 15, 2500, 'EUR', '24=100', 15, false,
 E'Drei Stunden, drei Kilometer, kein Ziel. Wir gehen langsam, bleiben oft stehen und üben, den Wald zu hören, zu riechen und in Ruhe zu lassen.\n\nFindet bei '
 'jedem Wetter außer Sturm statt. Feste Schuhe und eine Thermoskanne mitbringen; Hunde bitte zu Hause lassen.'),
('ar', 'ar', 'America/New_York', 6, '17:00', 120, 'workshop', 'الخط والتنفس: حرف واحد في ساعتين', 'المركز العربي، بروكلين', false, 12, 4000, 'USD', '48=100', 7, false,
 E'نكتب حرفًا واحدًا، ببطء، مع كل زفير. ورشة للمبتدئين تجمع بين أساسيات الخط الديواني وتمارين اليقظة الذهنية.\n\nالأقلام والحبر والورق متوفرة، ويأخذ كل مشارك لوحته معه.'),
-- within two weeks
('ta', 'ta', 'Asia/Kolkata', 7, '17:30', 90, 'workshop', 'பெரியவர்களுக்கான முதல் பரதநாட்டிய வகுப்பு', 'மயிலாப்பூர் கலைக்கூடம், சென்னை', false, 18, 40000, 'INR', '24=100', 10, false,
 E'சிறுவயதில் கற்க முடியாமல் போனவர்களுக்கான வகுப்பு. நான்கு அடவுகள், இரண்டு முத்திரைகள், ஒரு சிறிய பாடல்.\n\nவசதியான பருத்தி உடை போதும். முன் அனுபவம் தேவையில்லை.'),
('en-IN', 'en', 'Asia/Kolkata', 7, '19:30', 60, 'session', 'Yoga Nidra for People Who Cannot Sleep', NULL, true, 100, 20000, 'INR', '1=100', 41, true,
 E'Lie down in your own bed, close the laptop, keep the sound on. A guided rest of forty-five minutes after a short talk about sleep, screens and the nervous '
 'system.\n\nMost people do not hear the end. That is fine: the recording is yours to keep.'),
('fr', 'fr', 'Europe/Paris', 8, '12:30', 45, 'session', 'Sophrologie de midi', NULL, true, 60, 1000, 'EUR', '2=100', 22, false,
 E'Quarante-cinq minutes en ligne pour relâcher la nuque, les yeux et la journée qui reste. Assis sur votre chaise, micro coupé.\n\nUn lien de rediffusion vous est '
 'envoyé le soir même.'),
('es', 'es', 'Europe/Madrid', 8, '20:00', 60, 'session', 'Meditación guiada para dormir mejor', NULL, true, NULL, 0, 'EUR', NULL, 87, false,
 E'Una sesión abierta y gratuita cada dos semanas: respiración, un recorrido por el cuerpo y una historia corta.\n\nPuedes quedarte en la cama. Si tu micrófono está '
 'apagado, nadie oirá tus ronquidos.'),
('en-US', 'en', 'America/New_York', 9, '07:00', 90, 'session', 'Cold Water Club', 'Riverside Park at 83rd St, New York', false, 12, 2000, 'USD', '24=100', 12, false,
 E'Warm up together, two minutes in, slowly out, hot tea. We have lifeguards, thermometers and a strict no-heroes policy.\n\nBring swimwear, a towel and more layers '
 'than you think. You must have taken First Steps in Cold Water, or have done this before.'),
('hi', 'hi', 'Asia/Kolkata', 9, '18:00', 120, 'concert', 'भजन संध्या: कबीर और मीरा', 'कला केंद्र, भोपाल', false, 150, 25000, 'INR', '24=100', 96, false,
 E'काव्या जोशी और साथी: हारमोनियम, तबला, बाँसुरी। दो घंटे कबीर के दोहे और मीरा के पद, बीच में साथ गाने का समय।\n\nबच्चों का स्वागत है; पाँच वर्ष तक प्रवेश निःशुल्क।'),
('de', 'en', 'Europe/Berlin', 10, '18:00', 120, 'workshop', 'Mindfulness at Work: an Evening Workshop in English', 'Yogahaus Kreuzberg, Berlin', false, 20, 3900, 'EUR', '72=100,24=50', 8, false,
 E'For everybody who answers mail while reading mail. We look at how attention works, try three exercises that fit between two meetings, and make one plan that '
 'survives a Monday.\n\nHeld in English by a clinical psychologist; handouts included.'),
('ja', 'ja', 'Asia/Tokyo', 10, '13:00', 150, 'workshop', 'はじめての茶の湯：一碗に向き合う', '建仁寺塔頭、京都', false, 8, 6000, 'JPY', '72=100,24=50', 6, false,
 E'道具の名前、袱紗のさばき方、一碗の点て方まで。正座が苦手な方のために椅子席もご用意しています。\n\n季節の和菓子付き。白い靴下をお持ちください。'),
('en-IN', 'en', 'Asia/Kolkata', 11, '10:00', 360, 'workshop', 'Sound Healing: Learn to Play Singing Bowls', 'Osho Park Hall, Pune', false, 10, 350000, 'INR', '168=100,48=50', 9, false,
 E'A full day with forty bowls. Striking and rimming, tuning by ear, composing a session of twenty minutes, and the most important part: when to be quiet.\n\nLunch is '
 'included and you may try every bowl before you buy one anywhere. Small group, so that everybody plays.'),
('es', 'es', 'America/New_York', 12, '11:00', 180, 'workshop', 'Cuencos en familia', 'Jardín Comunitario, Bronx, New York', false, 24, 1500, 'USD', '24=100', 14, false,
 E'Para niñas y niños desde los seis años y quien los acompañe. Construimos un instrumento con cosas de la cocina, aprendemos a escuchar y damos un pequeño concierto '
 'en el jardín.\n\nEl precio es por persona; menores de seis, gratis.'),
('fr', 'fr', 'Europe/Paris', 13, '10:00', 420, 'workshop', 'Une journée sans téléphone', 'Ferme du Vallon, Chevreuse', false, 16, 8500, 'EUR', '168=100,48=50', 11, false,
 E'On dépose les téléphones dans une boîte à dix heures, on les reprend à dix-sept. Entre les deux : marche, dessin, sieste sonore et un long déjeuner végétarien cuit '
 'au feu de bois.\n\nÀ trente minutes du RER B, navette depuis Saint-Rémy.'),
-- this month and the next
('de', 'de', 'Europe/Berlin', 16, '17:00', 2700, 'retreat', 'Wochenende der Stille in der Uckermark', 'Gutshaus Ringenwalde, Uckermark', false, 18, 34000, 'EUR', '720=100,168=50', 12, false,
 E'Von Freitagabend bis Sonntagmittag wird nicht gesprochen, außer in einem Einzelgespräch am Samstag. Sitzen, Gehen, eine Stunde Arbeit im Garten, drei vegetarische '
 'Mahlzeiten am Tag.\n\nEinzelzimmer mit Blick auf den See, Sauna am Samstagabend. Für alle, die schon einmal eine Stunde am Stück gesessen haben.'),
('en-IN', 'en', 'Asia/Kolkata', 18, '14:00', 5760, 'retreat', 'Himalayan Foothills: Yoga and Walking', 'Ganga View Ashram, Rishikesh', false, 16, 2450000, 'INR', '720=100,336=50', 13, true,
 E'Four days above the Ganga: yoga at six, a walk after breakfast, satsang at dusk. We climb to Kunjapuri for one sunrise and bathe where the river is still cold and '
 'clean.\n\nTwin rooms, sattvic meals, transfers from Dehradun airport and a guide are included. Moderate fitness: up to four hours on foot a day.'),
('en-US', 'en', 'America/New_York', 20, '16:00', 2760, 'retreat', 'Catskills Weekend: Breath, Fire, Water', 'Omega Barn, Rhinebeck, NY', false, 22, 69000, 'USD', '720=100,240=50', 19, false,
 E'Friday evening to Sunday lunch in a barn between two creeks. Breathwork twice a day, a sauna that we heat ourselves, cold plunges for who wants them and a fire for '
 'who does not.\n\nShared rooms, farm food, bus from Manhattan for twenty dollars. Everyone who came last year wrote five stars, one of them in crayon.'),
('hi', 'hi', 'Asia/Kolkata', 21, '10:00', 300, 'workshop', 'घर के मसालों से आयुर्वेद', 'योग भवन, जयपुर', false, 20, 90000, 'INR', '48=100', 12, false,
 E'हल्दी, जीरा, सौंफ और अदरक: रसोई में जो है, उसी से सेहत। वैद्य नंदिनी शर्मा के साथ पाँच घंटे की कार्यशाला, दोपहर का भोजन शामिल।\n\nनुस्खों की छोटी पुस्तिका साथ ले जाएँ।'),
('zh', 'zh', 'Asia/Tokyo', 22, '14:00', 120, 'concert', '古琴雅集：听松', '横滨中华街会馆', false, 40, 3000, 'JPY', '48=100', 26, false,
 E'两小时，五首古曲，一壶乌龙。演奏之间讲解曲意与指法，听众可以上前试弹一张老琴。\n\n请提前十分钟入场，演奏开始后关门。'),
('fr', 'en', 'Europe/Paris', 24, '18:00', 90, 'talk', 'Why We Rest: an Evening with a Sleep Researcher', 'Maison des Associations, Paris 11e', false, 80, 0, 'EUR', NULL, 58, false,
 E'Dr Anna Kowalska of the Hôtel-Dieu sleep centre on what tiredness is for, why teenagers are right about mornings, and what is known about naps. In English, with '
 'questions in any language.\n\nFree; seats are held until ten minutes before the start.'),
('es', 'es', 'America/Mexico_City', 26, '15:00', 4320, 'retreat', 'Retiro en Oaxaca: maíz, silencio y temazcal', 'Hierve el Agua, San Lorenzo Albarradas, Oaxaca', false, 14, 890000, 'MXN', '720=100,336=50', 9, false,
 E'Tres noches entre montañas con las cocineras de San Lorenzo. Meditación al amanecer, taller de nixtamal, una caminata a las cascadas petrificadas y un temazcal '
 'guiado el sábado.\n\nIncluye habitación compartida, comidas y transporte desde la ciudad de Oaxaca.'),
('ar', 'ar', 'America/New_York', 27, '19:00', 60, 'session', 'جلسة تأمل مفتوحة عبر الإنترنت', NULL, true, NULL, 0, 'USD', NULL, 35, false,
 E'ساعة هادئة كل شهر: نبدأ بالتنفس، ثم تأمل موجّه، وننتهي بقراءة قصيرة من الشعر الصوفي.\n\nالجلسة مجانية ومفتوحة للجميع، ولا حاجة إلى تشغيل الكاميرا.'),
('de', 'de', 'Europe/Berlin', 28, '18:00', 120, 'course', 'MBSR in acht Wochen: Abend zum Kennenlernen', NULL, true, 50, 0, 'EUR', NULL, 21, false,
 E'Was ist Stressbewältigung durch Achtsamkeit, was sagt die Forschung und was verlangt der Kurs wirklich von mir? Ein Abend mit Übungen, Zahlen und Zeit für Fragen.'
 '\n\nUnverbindlich und kostenlos. Der Kurs selbst wird von vielen Krankenkassen bezuschusst.'),
('en-IN', 'en', 'Asia/Kolkata', 30, '06:00', 14400, 'retreat', 'Ten Days of Vipassana', 'Dhamma House, Igatpuri, Maharashtra', false, 60, 0, 'INR', NULL, 60, false,
 E'Ten days of silence in the tradition of S. N. Goenka, from the bell at four to lights out at half past nine. No phones, no books, no talking; simple food and simple '
 'rooms.\n\nThere is no charge: courses are paid for by those who have sat one before. Please read the code of discipline before you book, and come for all ten days.'),
('ja', 'en', 'Asia/Tokyo', 33, '15:00', 1320, 'retreat', 'One Night in a Zen Temple (in English)', 'Eiheiji, Fukui', false, 12, 18000, 'JPY', '336=100,72=50', 10, false,
 E'Arrive at three, learn to sit, eat in silence, sleep at nine, and be woken by a running monk with a bell. Zazen, morning service, sweeping, breakfast, questions.\n\n'
 'Interpreted into English throughout. Rooms are shared and there is no shower before noon.'),
('en-US', 'es', 'America/New_York', 35, '10:00', 180, 'workshop', 'Agua fría sin miedo (en español)', 'Harbor Studio, Boston', false, 18, 7500, 'USD', '72=100,24=50', 5, false,
 E'El taller de siempre, ahora en español con Lucía Ibáñez: tres rondas de respiración, dos minutos de agua fría acompañados y té caliente al final.\n\nTrae traje de baño '
 'y ropa de abrigo. No hace falta experiencia.'),
('ta', 'ta', 'Asia/Kolkata', 38, '06:00', 2880, 'retreat', 'கடற்கரையில் மௌனம்: இரண்டு நாள் முகாம்', 'ஆரோவில் கடற்கரை இல்லம், புதுச்சேரி', false, 20, 650000, 'INR', '336=100,168=50', 7, false,
 E'இரண்டு நாட்கள் கடலோரத்தில்: காலை யோகா, மாலை தியானம், இடையில் மௌனம். எளிய சைவ உணவும் தங்குமிடமும் அடங்கும்.\n\nபுதுச்சேரி பேருந்து நிலையத்திலிருந்து வாகன வசதி உண்டு.'),
('fr', 'fr', 'Europe/Paris', 45, '16:00', 5760, 'retreat', 'Marcher et se taire dans les Cévennes', 'Le Pont-de-Montvert, Lozère', false, 12, 52000, 'EUR', '720=100,336=50', 8, false,
 E'Quatre jours sur le chemin de Stevenson, dix à quinze kilomètres par jour, un âne pour les bagages. Silence le matin, paroles l''après-midi, écriture le soir.\n\n'
 'Gîtes en demi-pension compris. Il faut aimer marcher et savoir porter une gourde.'),
('en-US', 'en', 'America/New_York', 52, '20:00', 240, 'session', 'Ecstatic Dance: All Night Long (Almost)', 'Rittenhouse Yoga, Philadelphia', false, 120, 2800, 'USD', '48=100', 37, false,
 E'Shoes off, phones off, no alcohol, no talking on the floor. Two DJs take you from a whisper to a roar and back by midnight.\n\nCacao at eight, first beat at half past. '
 'Under eighteens come with a grown-up.'),
('en-IN', 'hi', 'Asia/Kolkata', 60, '08:00', 4320, 'retreat', 'परिवार योग शिविर: तीन दिन पहाड़ों में', 'परमार्थ निकेतन, ऋषिकेश', false, 40, 1200000, 'INR', '720=100,336=50', 22, false,
 E'दादा-दादी से लेकर छह साल के बच्चों तक: सबके लिए योग, खेल, गंगा आरती और कहानियाँ। माता-पिता के लिए रोज़ एक घंटा मौन, बच्चों के लिए उसी समय चित्रकला।\n\n'
 'पारिवारिक कमरे और सात्विक भोजन शामिल हैं।');

-- What people say afterwards, in the language of the event; by stars: 1 and 2, 3, 4, 5.
CREATE TEMP TABLE demo_words (language text PRIMARY KEY, poor text[], fair text[], good text[], best text[]) ON COMMIT DROP;
INSERT INTO demo_words VALUES
('en', '{"It began twenty minutes late and the room was cold.","Far more people than places to lie down. I left early.","Not what the description promised."}',
 '{"Nice, but I had hoped for more time to practise.","Good teacher, noisy street.","Fine for a first time; a little slow for me."}',
 '{"A calm evening and a kind teacher. Bring a second blanket.","Well explained, also for beginners.","I would come again, only the parking is difficult.","Clear, unhurried and friendly."}',
 '{"I slept well that night, for the first time in weeks.","The best hour of my month. Thank you!","Small group, real attention, wonderful food.","I came for my back and stayed for the silence.","Warm, funny and precise. Already booked the next one.","My mother and I came together, and both of us cried a little."}'),
('hi', '{"समय पर शुरू नहीं हुआ।","जगह छोटी थी और भीड़ ज़्यादा।"}', '{"ठीक था, पर अभ्यास का समय कम मिला।","अच्छा अनुभव, आवाज़ थोड़ी कम थी।"}',
 '{"बहुत शांत वातावरण, फिर आऊँगी।","सरल भाषा में समझाया गया।","पार्किंग छोड़कर सब अच्छा था।"}',
 '{"मन बहुत हल्का हो गया। धन्यवाद!","परिवार के साथ आए थे, सबको अच्छा लगा।","ऐसा मौन पहले कभी अनुभव नहीं किया।","गुरुजी का धैर्य अद्भुत है।"}'),
('ta', '{"தாமதமாகத் தொடங்கியது."}', '{"நன்றாக இருந்தது, நேரம் போதவில்லை."}', '{"அமைதியான சூழல், தெளிவான விளக்கம்.","மீண்டும் வருவேன்."}',
 '{"மனம் மிகவும் லேசானது. நன்றி!","ஒவ்வொருவரையும் தனித்தனியே கவனித்தார்.","என் அம்மாவுக்கும் மிகவும் பிடித்தது."}'),
('de', '{"Zu voll, zu laut, und angefangen hat es auch noch zu spät.","Die Beschreibung hat mehr versprochen."}',
 '{"Ganz nett, aber mir ging es etwas zu schnell.","Gute Lehrerin, leider Baustelle nebenan."}',
 '{"Sehr angenehm, klare Anleitung. Decke mitbringen!","Auch für Anfänger gut geeignet.","Gerne wieder, nur die Anfahrt ist mühsam."}',
 '{"Ich habe danach zum ersten Mal seit Wochen durchgeschlafen.","Ruhig, humorvoll, ohne Brimborium. Genau richtig.","Kleine Gruppe, viel Zeit für Fragen, großartiges Essen.","Der nächste Termin ist schon gebucht."}'),
('fr', '{"Commencé en retard, salle glaciale.","Trop de monde pour si peu de tapis."}', '{"Agréable, mais un peu court à mon goût.","Bien, malgré le bruit de la rue."}',
 '{"Une belle parenthèse, intervenante bienveillante.","Très clair, même pour une débutante."}',
 '{"Je suis repartie légère comme une plume. Merci !","Petit groupe, écoute rare, déjeuner délicieux.","J’y retourne le mois prochain avec ma sœur.","Enfin une séance sans jargon."}'),
('es', '{"Empezó tarde y no se oía nada.","Demasiada gente para una sala tan pequeña."}', '{"Bien, aunque esperaba más práctica.","Buen ambiente, poca ventilación."}',
 '{"Muy bonito y bien explicado.","Volvería, solo que cuesta aparcar."}',
 '{"Salí flotando. ¡Gracias!","Llevaba meses sin dormir así de bien.","Grupo pequeño y mucho cariño en cada detalle.","Lo mejor de la semana, sin duda."}'),
('ar', '{"تأخرت الجلسة كثيرًا."}', '{"جيدة، لكنني تمنيت وقتًا أطول."}', '{"شرح واضح وأجواء هادئة.","تجربة جميلة وسأعود."}',
 '{"خرجت بقلب خفيف، شكرًا!","أفضل ساعة في أسبوعي.","مجموعة صغيرة واهتمام حقيقي بكل مشارك."}'),
('ja', '{"開始が遅れ、部屋も寒かったです。"}', '{"良かったのですが、少し物足りなかったです。"}', '{"丁寧な説明で初心者でも安心でした。","落ち着いた雰囲気でした。また参加したいです。"}',
 '{"久しぶりにぐっすり眠れました。ありがとうございます。","少人数で、一人ひとりをよく見てくださいました。","静けさそのものがご馳走でした。"}'),
('zh', '{"开始太晚，教室又冷。"}', '{"还可以，就是时间短了点。"}', '{"讲解清楚，适合初学者。","环境安静，还会再来。"}', '{"那天晚上睡得特别好，谢谢老师！","小班教学，每个人都照顾到了。","一个月里最安静的一小时。"}');
